package shard

import (
	"encoding/json"
	"time"
)

// verb is what the machine wants done.
type verb uint8

const (
	doDial     verb = iota // connect to url; empty: where the gateway is
	doHangUp               // close the connection so that the session lives
	doSend                 // op, data
	doDeliver              // event
	doTell                 // gap
	doPermit               // ask for the permit to IDENTIFY
	doUnpermit             // it is not needed any more
	doNote                 // what happened, for logs and metrics
	doFail                 // end with err
)

// action is a verb with what it needs.
type action struct {
	verb  verb
	url   string
	op    int
	data  any
	event event
	gap   Gap
	what  string // of hangUp and note
	err   error
	took  time.Duration // of note, if it was an ACK
}

// event is one that is delivered.
type event struct {
	session session
	name    string
	data    json.RawMessage
}
