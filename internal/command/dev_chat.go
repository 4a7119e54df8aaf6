package command

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"time"

	"github.com/eventnode/eventnode/chat/directory"
)

// devDirectoryYAML is what the directory of a dev cluster has at first.
//
//go:embed dev_chat.yaml
var devDirectoryYAML []byte

// devTokens are the tokens of the people in it.
const devTokens = `# The tokens of the users of this cluster's gateways, which reread this file.
alice   101
bob     102
robot   103 bot
`

const (
	// devLoadTimeout bounds how long dev tries to fill the directory.
	devLoadTimeout = time.Minute
	// devLoadEvery is how often it does.
	devLoadEvery = 250 * time.Millisecond
)

// devTokenFile makes the file of tokens, unless it is there.
func devTokenFile(dir string) (string, error) {
	name := filepath.Join(dir, "tokens.txt")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if os.IsExist(err) {
		return name, nil
	}
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(devTokens)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return name, err
}

// devFill fills the directory of a dev cluster that has none yet, as soon as that can be
// done. A cluster whose directory could not be filled is one all the same.
func (a *app) devFill(ctx context.Context, addrs []string) {
	a.devLoad(ctx, addrs, devDirectoryYAML, false)
}

// devLoad puts what a file says into the directory, also into one that is there if it is
// to be beside.
func (a *app) devLoad(ctx context.Context, addrs []string, file []byte, beside bool) {
	timed, cancel := context.WithTimeout(ctx, devLoadTimeout)
	defer cancel()
	tick := time.NewTicker(devLoadEvery)
	defer tick.Stop()
	for {
		err := a.devTryLoad(timed, addrs, file, beside)
		if err == nil || ctx.Err() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-timed.Done():
			a.notice(map[string]any{"warning": "no directory", "error": err.Error()}, "the chat service has no users yet: %v: fill it with `eventnode chat load`", err)
			return
		}
	}
}

// devTryLoad is one try.
func (a *app) devTryLoad(ctx context.Context, addrs []string, file []byte, beside bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	changes, err := directory.ParseFile(file)
	if err != nil {
		return err
	}
	c, err := a.dial(ctx, addrs, "eventnode dev")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for _, err := range c.Chat().Export(ctx) {
		if err != nil || !beside {
			return err // nil: somebody was put there, then or before
		}
		break
	}
	_, err = c.Chat().Change(ctx, changes...)
	return err
}
