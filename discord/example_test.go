package discord_test

import (
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode/discord"
)

// An event has what was before, where it was known.
func ExampleAs() {
	data := json.RawMessage(`{"old":{"id":"7","content":"helo"},"new":{"id":"7","content":"hello"}}`)
	m, err := discord.As[discord.MessageUpdate]("MESSAGE_UPDATE", data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.New.ID, m.Old.Content, m.New.Content)
	// Output: 7 helo hello
}

// Who handles events of many kinds looks at their types.
func ExampleParse() {
	for _, name := range []string{"TYPING_START", "SOMETHING_NEW"} {
		e, err := discord.Parse(name, json.RawMessage(`{"user_id":"3"}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		switch e := e.(type) {
		case *discord.TypingStart:
			fmt.Println("typing:", e.UserID)
		case *discord.Raw:
			fmt.Println(e.Name, string(e.Data))
		}
	}
	// Output:
	// typing: 3
	// SOMETHING_NEW {"user_id":"3"}
}
