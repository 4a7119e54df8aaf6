package membership

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode"
)

// Keys are changed while nodes run, in steps of which each is done on all nodes before the
// next begins: the new one is added behind the old, then put first, then the old one is
// taken out. So at each moment every node decrypts what any other encrypts.

// maxKeys bounds the keys of a node: each that does not fit costs a try to decrypt.
const maxKeys = 16

// checkKeys says what is wrong with a list of keys.
func checkKeys(keys [][]byte) error {
	if len(keys) > maxKeys {
		return fmt.Errorf("%w: %d gossip keys, at most %d", ErrConfig, len(keys), maxKeys)
	}
	for _, k := range keys {
		if memberlist.ValidateKey(k) != nil {
			return fmt.Errorf("%w: the gossip key must have 16, 24 or 32 bytes, not %d", ErrConfig, len(k))
		}
	}
	return nil
}

// newKeyring is the keys as memberlist has them; nil without any. All epochs share it.
func newKeyring(keys [][]byte) (*memberlist.Keyring, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return memberlist.NewKeyring(keys[1:], keys[0])
}

// SetKeys changes the keys of a node that has some: the first one encrypts from now on, all
// decrypt. It fails with ErrConfig if there is none, or there was none: whether gossip is
// encrypted is said at the start.
func (m *Membership) SetKeys(keys [][]byte) error {
	if err := checkKeys(keys); err != nil {
		return err
	}
	if (len(keys) == 0) != (m.cfg.keyring == nil) {
		return fmt.Errorf("%w: whether there is a gossip key cannot change while the node runs: %w", ErrConfig, eventnode.ErrInvalidArgument)
	}
	if len(keys) == 0 {
		return nil
	}
	for _, k := range keys {
		if err := m.cfg.keyring.AddKey(k); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	if err := m.cfg.keyring.UseKey(keys[0]); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, old := range m.cfg.keyring.GetKeys() {
		if !slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, old) }) {
			if err := m.cfg.keyring.RemoveKey(old); err != nil {
				return fmt.Errorf("%w: %w", ErrConfig, err)
			}
		}
	}
	return nil
}
