package eventnode

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Chat is a cluster's chat service: sessions of clients, which topics they subscribe to,
// and what is dispatched to them. Any node answers for the whole cluster.
//
// Topics are kind:key. guild:ID, channel:ID, friend:ID (the friends of that user) and
// lazy_guild:ID (the member lists of a guild) are subscribed to; member:GUILD,USER and
// user:ID are the sessions of a user. A cluster may know more kinds.
//
// Data is JSON: a json.RawMessage or []byte is sent as it is, anything else is marshalled.
type Chat interface {
	// Dispatch sends one event to the sessions that a topic stands for, and returns when
	// all nodes that have such sessions have put it into their logs: of two calls, one
	// after the other, each session gets the events in that order.
	//
	// The event is sent at most once. If the connection to the node was lost meanwhile
	// the error is ErrOutcomeUnknown: some sessions may have it.
	Dispatch(ctx context.Context, topic, eventType string, data any, opts ...ChatOption) (Reached, error)
	// DispatchMany is Dispatch to several topics: a session gets the event once, however
	// many of them it is reached by.
	DispatchMany(ctx context.Context, topics []string, eventType string, data any, opts ...ChatOption) (Reached, error)

	// Subscribe subscribes sessions to topics, and returns when every live node knows. To
	// a guild is also to those of its channels that the user may read. To subscribe again
	// replaces what of the topic is wanted. It fails with ErrPermissionDenied for what
	// the user may not read; on a node where that is so nothing changes.
	Subscribe(ctx context.Context, who []ChatSubscriber, topics ...ChatSubscription) (ChatSubscribed, error)
	// Unsubscribe ends subscriptions. To end what is not there is success.
	Unsubscribe(ctx context.Context, who []ChatSubscriber, topics ...string) (ChatSubscribed, error)
	// Reset ends all subscriptions to topics, whose nodes stay interested: for topics
	// that are about to be subscribed to anew.
	Reset(ctx context.Context, topics ...string) (ChatRemoved, error)
	// Remove ends all subscriptions to topics for good.
	Remove(ctx context.Context, topics ...string) (ChatRemoved, error)

	// Sessions lists sessions of all nodes. The last pair has an error if the list is not
	// whole: a *MissingError if only some nodes did not answer.
	Sessions(ctx context.Context, filter ChatSessionFilter) iter.Seq2[ChatSession, error]
	// CloseSession ends a session: its client has to identify anew. ErrSessionNotFound:
	// there is none, any more.
	CloseSession(ctx context.Context, id string) error
}

// ChatFilter chooses sessions: by themselves, or all of some users.
type ChatFilter struct {
	Sessions []string
	Users    []uint64
}

// ChatOptions is what ChatOption sets.
type ChatOptions struct {
	// Only, if set, is who may get the event: nobody, if it is empty.
	Only *ChatFilter
	// Except is who does not.
	Except ChatFilter
	// List has Reached.Sessions filled.
	List bool
}

// ChatOption changes one dispatch to sessions.
type ChatOption func(*ChatOptions)

// WithOnly has only these sessions, and those of WithOnlyUsers, get the event, as far as
// the topics reach them. Without any nobody does.
func WithOnly(sessions ...string) ChatOption {
	return func(o *ChatOptions) { o.only().Sessions = append(o.only().Sessions, sessions...) }
}

// WithOnlyUsers has only sessions of these users, and those of WithOnly, get the event.
func WithOnlyUsers(users ...uint64) ChatOption {
	return func(o *ChatOptions) { o.only().Users = append(o.only().Users, users...) }
}

// WithExcept leaves these sessions out.
func WithExcept(sessions ...string) ChatOption {
	return func(o *ChatOptions) { o.Except.Sessions = append(o.Except.Sessions, sessions...) }
}

// WithExceptUsers leaves all sessions of these users out.
func WithExceptUsers(users ...uint64) ChatOption {
	return func(o *ChatOptions) { o.Except.Users = append(o.Except.Users, users...) }
}

// WithSessions has the result list the sessions that were reached.
func WithSessions() ChatOption { return func(o *ChatOptions) { o.List = true } }

func (o *ChatOptions) only() *ChatFilter {
	if o.Only == nil {
		o.Only = &ChatFilter{}
	}
	return o.Only
}

// NewChatOptions applies opts.
func NewChatOptions(opts ...ChatOption) ChatOptions {
	var o ChatOptions
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Reached says in whose log an event is.
type Reached struct {
	// Count is the number of sessions.
	Count int
	// Sessions are these, in no order; only WithSessions.
	Sessions []string
	// Missing are nodes with such sessions that did not answer: theirs may have got the
	// event or not.
	Missing []NodeID
}

// ChatOnce dispatches one event after the other such that each session gets one of them
// only: the first that reaches it. It is for an event that says more to some than to
// others, such as a change of a user to himself and then to his guilds. It is used by one
// goroutine at a time.
type ChatOnce struct {
	chat    Chat
	reached []string
}

// NewChatOnce makes a ChatOnce that leaves some sessions out from the start.
func NewChatOnce(c Chat, except ...string) *ChatOnce {
	return &ChatOnce{chat: c, reached: slices.Clone(except)}
}

// Dispatch is Chat.Dispatch to sessions that were not reached yet.
func (o *ChatOnce) Dispatch(ctx context.Context, topic, eventType string, data any, opts ...ChatOption) (Reached, error) {
	return o.DispatchMany(ctx, []string{topic}, eventType, data, opts...)
}

// DispatchMany is Chat.DispatchMany to sessions that were not reached yet. Those of nodes
// in Reached.Missing count as not reached, and so do those of a dispatch that failed.
func (o *ChatOnce) DispatchMany(ctx context.Context, topics []string, eventType string, data any, opts ...ChatOption) (Reached, error) {
	all := append(slices.Clone(opts), WithExcept(o.reached...), WithSessions())
	r, err := o.chat.DispatchMany(ctx, topics, eventType, data, all...)
	o.reached = append(o.reached, r.Sessions...)
	return r, err
}

// Sessions are those that were reached, and those that were left out from the start.
func (o *ChatOnce) Sessions() []string { return slices.Clone(o.reached) }

// ChatSubscriber is one session of a user, or all of them.
type ChatSubscriber struct {
	// User is required.
	User uint64
	// Session is one of his. Empty: all that there are now whose shards have the guild.
	Session string
}

// ChatSubscription is a topic and what of it is wanted.
type ChatSubscription struct {
	Topic string
	// NoPresence leaves out events whose type begins with PRESENCE_, NoTyping those that
	// begin with TYPING_.
	NoPresence, NoTyping bool
}

// ChatSubscribed says what was done.
type ChatSubscribed struct {
	// Sessions is how many were found.
	Sessions int
	// Missing are nodes that did not answer: what was to be done there may not be, or an
	// event from there may not take the change into account.
	Missing []NodeID
}

// ChatRemoved says what was done.
type ChatRemoved struct {
	// Ended is how many subscriptions have ended.
	Ended int
	// Missing are nodes that did not answer: there some may be left.
	Missing []NodeID
}

// ChatSessionFilter chooses sessions: those that fit all that is set.
type ChatSessionFilter struct {
	// User is whose they are.
	User uint64
	// Guild is one that the user is in and the session's shard has.
	Guild uint64
	// Session is the only one, with its Subscriptions.
	Session string
}

// ChatSession is a session as its node sees it.
type ChatSession struct {
	ID   string
	Node NodeID
	User uint64
	// Bot: an application, not a person.
	Bot bool
	// Shard is which of Shards it is, from 0. Shards is 0 or 1: it has all guilds.
	Shard, Shards uint32
	// Intents are the events it wants, a bit each.
	Intents uint64
	// Since is when it was opened.
	Since time.Time
	// Sequence is the number of its newest event.
	Sequence uint64
	// Attached: it has a connection.
	Attached bool
	// KeptEvents is how many events are kept for resume, KeptBytes what they count for.
	KeptEvents int
	KeptBytes  uint64
	// Status is online, idle, dnd, invisible or offline.
	Status string
	// Topics is how many it subscribes to.
	Topics int
	// Subscriptions are these, sorted; only of a session that was asked for by its ID.
	Subscriptions []ChatSubscription
}

// ChatChanged says what became of changes of the directory.
type ChatChanged struct {
	// Refused are those that did not fit; the others were made.
	Refused []ChatRefused
	// Position is where the last one stands in the directory's stream.
	Position Position
	// Missing are nodes that have not applied it yet.
	Missing []NodeID
}

// ChatRefused is a change that did not fit the directory.
type ChatRefused struct {
	// Index is its place among the changes, from 0.
	Index int
	// Err is why: ErrUnknownUser, ErrIDTaken, ...
	Err error
}
