package encoding

import "slices"

// keys is those of an object that were read. Most objects have few.
type keys struct {
	few  [][]byte
	many map[string]struct{}
}

const fewKeys = 16

// add adds a key, and reports whether it was there.
func (k *keys) add(key []byte) bool {
	if k.many != nil {
		before := len(k.many)
		k.many[string(key)] = struct{}{}
		return len(k.many) == before
	}
	if slices.ContainsFunc(k.few, func(o []byte) bool { return string(o) == string(key) }) {
		return true
	}
	if k.few = append(k.few, key); len(k.few) > fewKeys {
		k.many = make(map[string]struct{}, 2*fewKeys)
		for _, o := range k.few {
			k.many[string(o)] = struct{}{}
		}
		k.few = nil
	}
	return false
}
