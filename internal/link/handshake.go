package link

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// nonceBytes is the least length of a nonce, and the length of ours.
const nonceBytes = 16

// The labels keep one side's proof from being played back as the other's.
const (
	labelCalled  = "eventnode link, called"
	labelDialler = "eventnode link, dialler"
)

// transcript is what both proofs cover: who talks to whom, and that it is now.
type transcript struct {
	diallerNonce, calledNonce []byte
	dialler, called           eventnode.NodeRef
	generation                uint64
}

// proof is HMAC-SHA256 under secret over label and the transcript, each part
// with its length before it, so that no two transcripts read the same.
func (t transcript) proof(secret []byte, label string) []byte {
	mac := hmac.New(sha256.New, secret)
	for _, part := range [][]byte{
		[]byte(label), t.diallerNonce, t.calledNonce,
		[]byte(t.dialler.String()), []byte(t.called.String()),
		binary.BigEndian.AppendUint64(nil, t.generation),
	} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// proves reports whether proof is that of the label's side.
func (t transcript) proves(secret []byte, label string, proof []byte) bool {
	return hmac.Equal(proof, t.proof(secret, label))
}

// provedBy returns under which of the secrets proof is that of the label's side.
func (t transcript) provedBy(secrets [][]byte, label string, proof []byte) (secret []byte, ok bool) {
	for _, s := range secrets {
		if t.proves(s, label, proof) {
			return s, true
		}
	}
	return nil, false
}

// identity is what a called node compares a hello with.
type identity struct {
	self     eventnode.NodeRef
	cluster  string
	uuid     []byte
	versions versions
}

// check returns the version to speak, or why the hello is refused.
func (id identity) check(h *clusterv1.Hello) (uint32, error) {
	switch {
	case h.GetNode() == "" || len(h.GetNonce()) < nonceBytes || h.GetGeneration() == 0:
		return 0, fmt.Errorf("%w: hello without node, generation or nonce", eventnode.ErrInvalidArgument)
	case h.GetCluster() != id.cluster:
		return 0, fmt.Errorf("%w: this node is of cluster %q, the caller of %q",
			eventnode.ErrForeignCluster, id.cluster, h.GetCluster())
	case len(h.GetClusterUuid()) > 0 && len(id.uuid) > 0 && !bytes.Equal(h.GetClusterUuid(), id.uuid):
		return 0, fmt.Errorf("%w: this node's cluster %q has UUID %s, the caller's %s",
			eventnode.ErrForeignCluster, id.cluster, hex.EncodeToString(id.uuid), hex.EncodeToString(h.GetClusterUuid()))
	}
	if target := targetOf(h); target != id.self {
		return 0, status.Errorf(codes.FailedPrecondition, "this node is %s, not %s", id.self, target)
	}
	if h.GetNode() == string(id.self.ID) {
		return 0, status.Errorf(codes.FailedPrecondition, "this node is %s itself", id.self)
	}
	v, err := choose(id.versions, versions{h.GetVersionMin(), h.GetVersionMax()})
	if err != nil {
		return 0, status.Error(codes.FailedPrecondition, err.Error())
	}
	return v, nil
}

// diallerOf returns who says hello.
func diallerOf(h *clusterv1.Hello) eventnode.NodeRef {
	return eventnode.NodeRef{ID: eventnode.NodeID(h.GetNode()), Epoch: h.GetEpoch()}
}

// targetOf returns whom the hello is meant for.
func targetOf(h *clusterv1.Hello) eventnode.NodeRef {
	return eventnode.NodeRef{ID: eventnode.NodeID(h.GetTargetNode()), Epoch: h.GetTargetEpoch()}
}

// checkChallenge returns the secret that the called node has proved, and why the dialler
// does not go on, if so.
func checkChallenge(c *clusterv1.Challenge, t transcript, secrets [][]byte, own versions, asked int) ([]byte, error) {
	if c == nil || len(c.GetNonce()) < nonceBytes {
		return nil, fmt.Errorf("%w: no challenge to our hello", eventnode.ErrInvalidArgument)
	}
	secret, ok := t.provedBy(secrets, labelCalled, c.GetProof())
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: the other node has another cluster secret", eventnode.ErrPermissionDenied)
	case c.GetVersion() < own.lo || c.GetVersion() > own.hi:
		return nil, fmt.Errorf("%w: protocol version %d chosen, %d-%d offered",
			eventnode.ErrInvalidArgument, c.GetVersion(), own.lo, own.hi)
	case c.GetLanes() == 0 || int(c.GetLanes()) > asked:
		return nil, fmt.Errorf("%w: %d lanes granted, %d asked for", eventnode.ErrInvalidArgument, c.GetLanes(), asked)
	}
	return secret, nil
}

// newNonce returns a fresh nonce.
func newNonce() []byte {
	b := make([]byte, nonceBytes)
	_, _ = rand.Read(b) // never fails: the program ends if the system has none
	return b
}

// newToken returns 256 random bits as text.
func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// reconcile compares what the dialler last sent in each lane with what was
// received from it. It returns what to count as received from now on, and
// whether anything in between was lost. Frames that were lost are told once:
// counting them as received keeps the next handshake quiet about them.
func reconcile(sent, received []uint64) (next []uint64, lost bool) {
	next = make([]uint64, max(len(sent), len(received)))
	for i := range next {
		var s, r uint64
		if i < len(sent) {
			s = sent[i]
		}
		if i < len(received) {
			r = received[i]
		}
		next[i] = s
		lost = lost || s != r
	}
	return next, lost
}
