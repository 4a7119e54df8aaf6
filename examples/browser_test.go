package examples

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/eventnode/eventnode/test/wire"
)

// chatGateway runs the program, and returns where its page is, and its gateway, if that is
// not elsewhere.
func chatGateway(t *testing.T, args ...string) (page, gateway string) {
	t.Helper()
	cmd, stderr := command(t, "chatgateway", append(args, "--listen", "127.0.0.1:0")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("chatgateway: %v: %s", err, stderr)
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		address := regexp.MustCompile(`[0-9.]+:[0-9]+`).FindString(lines.Text())
		switch {
		case strings.HasPrefix(lines.Text(), "the gateway is at "):
			gateway = address
		case strings.HasPrefix(lines.Text(), "open: "):
			return "http://" + address, gateway
		}
	}
	t.Fatalf("it ended: %s", stderr)
	return "", ""
}

// browser starts Chromium, and skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.WSURLReadTimeout(timeout), chromedp.DisableGPU)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is a window with the page.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// open opens the page in a tab of its own, and comes in as somebody.
func open(t *testing.T, browser context.Context, page, name string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	w := &tab{t, ctx}
	w.do(chromedp.Navigate(page), chromedp.SetValue(chromedp.CSS("#name"), name), chromedp.Click(chromedp.CSS("#login button")))
	w.until(`document.getElementById('status').textContent === 'connected'`)
	return w
}

func (w *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// until waits until an expression is true.
func (w *tab) until(expression string) {
	w.t.Helper()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(timeout/2))
	if _, err := chromedp.Run(w.ctx, poll); err != nil {
		w.t.Fatalf("%s: %v; status %q, %q", expression, err, w.texts("#status"), w.texts("#messages li"))
	}
}

// texts are those of the elements that a selector has.
func (w *tab) texts(selector string) []string {
	w.t.Helper()
	texts, err := chromedp.Run(w.ctx, chromedp.Evaluate[[]string](fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.textContent)`, selector)))
	if err != nil {
		w.t.Fatal(err)
	}
	return texts
}

// say types a line and sends it.
func (w *tab) say(text string) {
	w.t.Helper()
	w.do(chromedp.SendKeys(chromedp.CSS("#text"), text), chromedp.Click(chromedp.CSS("#say button")))
	w.until(`document.getElementById('text').value === ''`) // it was taken
}

// sees waits until the newest line of the room is this one, and compares them all.
func (w *tab) sees(all []string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.querySelector('#messages li:last-child')?.textContent === %q`, all[len(all)-1]))
	if got := w.texts("#messages li"); !slices.Equal(got, all) {
		w.t.Errorf("%q, want %q", got, all)
	}
}

// Two browsers talk to each other. What one says is text to the other one, also if it looks
// like HTML. Who is cut off is connected again, and has missed nothing.
func TestChatGatewayInBrowsers(t *testing.T) {
	w := wire.New(t)
	page, gateway := chatGateway(t, "--gateway", "ws://"+w.Address())
	w.LeadTo(gateway)
	chromium := browser(t)
	ann := open(t, chromium, page, "ann")
	ben := open(t, chromium, page, "ben")
	ann.until(`document.querySelectorAll('#members .online').length === 2`)
	want(t, "members", ben.texts("#members li"), "Ann", "Ben", "Cleo")
	want(t, "channels", ben.texts("#channels li"), "# general")

	said := []string{"Ann" + "good morning!", "Ben" + `<script>document.title = 'mine'</script><img src=x onerror="document.title = 'mine'">`}
	ann.say(strings.TrimPrefix(said[0], "Ann"))
	ben.sees(said[:1])
	ben.say(strings.TrimPrefix(said[1], "Ben"))
	for _, tab := range []*tab{ann, ben} {
		tab.sees(said)
		tab.until(`document.title === 'The room' && !document.querySelector('#messages script, #messages img')`)
	}

	w.LeadTo("")
	w.Cut()
	for _, tab := range []*tab{ann, ben} {
		tab.until(`document.getElementById('status').textContent === 'connecting again ...'`)
	}
	for i := range 5 {
		ann.say(fmt.Sprint("line ", i))
		said = append(said, fmt.Sprint("Annline ", i))
	}
	if got := ben.texts("#messages li"); len(got) != 2 {
		t.Errorf("while it is cut off it sees %q", got)
	}
	w.LeadTo(gateway)
	for _, tab := range []*tab{ann, ben} {
		tab.sees(said)
		tab.until(`document.getElementById('status').textContent === 'connected again: nothing was missed'`)
	}
	ben.say("there you are")
	ann.sees(append(said, "Benthere you are"))
}

// What is said is checked: who says it, where, and what.
func TestChatGatewayRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, args ...string) {
		if len(args) > 0 {
			args = append(args, "--gateway", "ws://127.0.0.1:1") // nobody looks at the page
		}
		page, _ := chatGateway(t, args...)
		for _, tt := range []struct{ channel, token, body, status, answer string }{
			{"3001", "token-of-ann", `{"content":"tea?"}`, "200 OK", `{.*"content":"tea\?".*}\n`},
			{"3001", "token-of-mallory", `{"content":"tea?"}`, "401 Unauthorized", `nobody has this token\n`},
			{"3001", "", `{"content":"tea?"}`, "401 Unauthorized", `nobody has this token\n`},
			{"3002", "token-of-ann", `{"content":"tea?"}`, "404 Not Found", `there is no such channel\n`},
			{"0", "token-of-ann", `{"content":"tea?"}`, "404 Not Found", `there is no such channel\n`},
			{"general", "token-of-ann", `{"content":"tea?"}`, "404 Not Found", `there is no such channel\n`},
			{"3001", "token-of-ann", `{"content":""}`, "400 Bad Request", `content has 1 to 2000 characters\n`},
			{"3001", "token-of-ann", `{"content":"` + strings.Repeat("ä", 2001) + `"}`, "400 Bad Request", `content has 1 to 2000 characters\n`},
			{"3001", "token-of-ann", `{"content":`, "400 Bad Request", `content has 1 to 2000 characters\n`},
		} {
			status, answer := post(t, page+"/channels/"+tt.channel+"/messages", tt.token, tt.body)
			if status != tt.status || !regexp.MustCompile("^"+tt.answer+"$").MatchString(answer) {
				t.Errorf("%s, %q, %.40s: %s: %s", tt.channel, tt.token, tt.body, status, answer)
			}
		}
	})
}

func post(t *testing.T, url, token, body string) (status, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.Status, string(text)
}
