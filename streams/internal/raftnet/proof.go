package raftnet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

const proofBytes = sha256.Size

// The labels keep one end's proof from being played back as the other's.
const (
	labelCalled  = "eventnode raft, called"
	labelDialler = "eventnode raft, dialler"
)

// transcript is what both proofs cover: the hello says who talks to whom about
// what, the nonces that it is now.
type transcript struct {
	hello       []byte // as sent, with the dialler's nonce
	calledNonce []byte
	version     byte
}

// proof is HMAC-SHA256 under secret over label and the transcript, each part
// with its length before it, so that no two transcripts read the same.
func (t transcript) proof(secret []byte, label string) []byte {
	mac := hmac.New(sha256.New, secret)
	for _, part := range [][]byte{[]byte(label), t.hello, t.calledNonce, {t.version}} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// proves reports whether proof is that of the label's end.
func (t transcript) proves(secret []byte, label string, proof []byte) bool {
	return hmac.Equal(proof, t.proof(secret, label))
}

// provedBy returns under which of the secrets proof is that of the label's end.
func (t transcript) provedBy(secrets [][]byte, label string, proof []byte) (secret []byte, ok bool) {
	for _, s := range secrets {
		if t.proves(s, label, proof) {
			return s, true
		}
	}
	return nil, false
}
