package shard

import (
	"bytes"
	"strings"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
)

// frame is what came.
type frame struct {
	payload encoding.Payload
	kind    frameKind
	code    int    // of frameEnd: the close code, 0: it broke
	reason  string // of frameEnd
	ping    []byte // of framePing
	err     error  // of frameUnread and frameBroken
}

type frameKind uint8

const (
	framePayload frameKind = iota
	framePing
	frameUnread // a payload that does not decode: the next may
	frameBroken // nothing more can be read
	frameEnd    // the connection is closed
)

func (k frameKind) last() bool { return k == frameBroken || k == frameEnd }

// control is a control frame; not ok: it is nothing.
func control(op ws.OpCode, data []byte) (frame, bool) {
	switch op {
	case ws.OpPing:
		return frame{kind: framePing, ping: bytes.Clone(data)}, true
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(data)
		if len(data) < 2 {
			code = ws.StatusNoStatusRcvd
		}
		return frame{kind: frameEnd, code: int(code), reason: strings.ToValidUTF8(reason, "?")}, true
	default:
		return frame{}, false
	}
}
