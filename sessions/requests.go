package sessions

import "encoding/json"

// Hello is what a client said of itself when it identified.
type Hello struct {
	// Version of the protocol: 9 or 10.
	Version int
	// ResumeURL is where the client is to resume.
	ResumeURL string
	// Properties are a JSON object about the client's program; empty: it said nothing.
	Properties json.RawMessage
}

// MembersRequest is a client's, for members of guilds.
type MembersRequest struct {
	Guilds []Snowflake
	// Query is how their names begin; nil: it asks for Users.
	Query *string
	Users []Snowflake
	// Limit is how many at most; 0: all.
	Limit int
	// Presences: with their presences.
	Presences bool
	// Nonce names the request in its answers.
	Nonce string
}

// WatchRequest is a client's: which parts of a guild's member lists it looks at. What is
// nil was not said, and stays as it is.
type WatchRequest struct {
	Guild Snowflake
	// Channels has, for each channel whose list it is, ranges: first and last place.
	Channels map[Snowflake][][2]int
	// Typing and Activities: whether it wants such events of the guild.
	Typing, Activities *bool
	// Members are those whose presences it wants.
	Members []Snowflake
}
