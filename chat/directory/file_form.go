package directory

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// The form of a file. Where one thing names another, it says its id or its name; a name
// that several have is an error.

// fileForm is the whole of it.
type fileForm struct {
	Users   []fileUser   `yaml:"users"`
	Friends []filePair   `yaml:"friends"`
	Guilds  []fileGuild  `yaml:"guilds"`
	Direct  []fileDirect `yaml:"direct"`
}

type fileUser struct {
	ID            word   `yaml:"id"`
	Name          word   `yaml:"name"`
	Shown         string `yaml:"global_name"`
	Discriminator string `yaml:"discriminator"`
	Avatar        string `yaml:"avatar"`
	Bot           bool   `yaml:"bot"`
}

type fileGuild struct {
	ID          word          `yaml:"id"`
	Name        word          `yaml:"name"`
	Owner       word          `yaml:"owner"`
	Icon        string        `yaml:"icon"`
	Description string        `yaml:"description"`
	Features    []string      `yaml:"features"`
	Roles       []fileRole    `yaml:"roles"`
	Channels    []fileChannel `yaml:"channels"`
	Members     []fileMember  `yaml:"members"`
}

// fileRole is a role; that of everybody has the name @everyone, and no id.
type fileRole struct {
	ID          word            `yaml:"id"`
	Name        word            `yaml:"name"`
	Position    uint32          `yaml:"position"`
	Hoist       bool            `yaml:"hoist"`
	Color       uint32          `yaml:"color"`
	Mentionable bool            `yaml:"mentionable"`
	Permissions filePermissions `yaml:"permissions"`
}

type fileChannel struct {
	ID         word            `yaml:"id"`
	Name       word            `yaml:"name"`
	Type       word            `yaml:"type"`
	Topic      string          `yaml:"topic"`
	Position   uint32          `yaml:"position"`
	Parent     word            `yaml:"parent"`
	NSFW       bool            `yaml:"nsfw"`
	Slowmode   uint32          `yaml:"rate_limit_per_user"`
	Bitrate    uint32          `yaml:"bitrate"`
	UserLimit  uint32          `yaml:"user_limit"`
	Overwrites []fileOverwrite `yaml:"overwrites"`
}

// fileOverwrite is of a role or of a member.
type fileOverwrite struct {
	Role   word            `yaml:"role"`
	Member word            `yaml:"member"`
	Allow  filePermissions `yaml:"allow"`
	Deny   filePermissions `yaml:"deny"`
}

type fileMember struct {
	User   word      `yaml:"user"`
	Nick   string    `yaml:"nick"`
	Roles  []word    `yaml:"roles"`
	Joined time.Time `yaml:"joined_at"`
}

// fileDirect is a private channel: with an owner or a name, or group, that of a group.
type fileDirect struct {
	ID    word   `yaml:"id"`
	Users []word `yaml:"users"`
	Group bool   `yaml:"group"`
	Name  word   `yaml:"name"`
	Owner word   `yaml:"owner"`
}

// word is an id or a name, and the line where it stands.
type word struct {
	text string
	line int
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *word) UnmarshalYAML(n *yaml.Node) error {
	w.line = n.Line
	if n.Kind != yaml.ScalarNode {
		return &ParseError{n.Line, invalid("an id or a name is expected here")}
	}
	w.text = n.Value
	return nil
}

// filePair is two users.
type filePair struct {
	users []word
	line  int
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *filePair) UnmarshalYAML(n *yaml.Node) error {
	p.line = n.Line
	if err := n.Decode(&p.users); err != nil {
		return err
	}
	if len(p.users) != 2 {
		return &ParseError{n.Line, invalid("friends are %d users: write two, as in [ada, grace]", len(p.users))}
	}
	return nil
}

// filePermissions are a number, a name, or a list of both.
type filePermissions struct {
	bits uint64
	set  bool
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *filePermissions) UnmarshalYAML(n *yaml.Node) error {
	words := []word{{n.Value, n.Line}}
	if n.Kind != yaml.ScalarNode {
		if err := n.Decode(&words); err != nil {
			return err
		}
	}
	p.set = true
	for _, w := range words {
		bit, err := ParsePermission(w.text)
		if err != nil {
			return &ParseError{w.line, err}
		}
		p.bits |= bit
	}
	return nil
}
