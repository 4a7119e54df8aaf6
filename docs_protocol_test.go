package eventnode_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode/internal/apierr"
)

func protocolPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// section is the part of the page under a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(protocolPage(t), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("no section %q", heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

// firstColumn is the words in code quotes at the start of the rows of tables.
func firstColumn(text string) []string {
	var words []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// The table of errors has the reasons of internal/apierr, each with its code,
// and no other.
func TestProtocolReasons(t *testing.T) {
	source, err := os.ReadFile("internal/apierr/table.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`"([A-Z_]{3,})"`).FindAllStringSubmatch(string(source), -1) {
		want = append(want, m[1])
	}
	table := section(t, "Errors")
	if len(want) < 15 || !slices.Equal(firstColumn(table), want) {
		t.Errorf("the table has\n%v\ninternal/apierr has, in its order,\n%v", firstColumn(table), want)
	}
	for _, reason := range want {
		code := code.Code(status.Code(apierr.FromReason(reason, "", nil))).String()
		if !strings.Contains(table, "| `"+reason+"` | `"+code+"` |") {
			t.Errorf("%s has the code %s", reason, code)
		}
	}
}

// The table of limits has those that nodes name, and no other.
func TestProtocolLimits(t *testing.T) {
	want := map[string]bool{"max_block_ms": true, "max_receipt_timeout_ms": true} // made of the field's name
	named := regexp.MustCompile(`(?:Limit: |within\(|atMost\()"(max_\w+)",`)      // others are limits of the Go client
	for _, folder := range []string{"cache", "chat", "dispatch", "filter.go", "groups", "internal", "node", "queuegroup.go", "streams"} {
		for _, file := range sources(t, folder) {
			for _, m := range named.FindAllStringSubmatch(file, -1) {
				want[m[1]] = true
			}
		}
	}
	has := firstColumn(section(t, "Limits"))
	slices.Sort(has)
	if all := slices.Sorted(maps.Keys(want)); len(all) < 10 || !slices.Equal(has, all) {
		t.Errorf("the table has\n%v\nthe code has\n%v", has, all)
	}
}

// sources reads the Go files of a folder and those below it, without tests.
func sources(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The page says something of each call, policy and kind of gap.
func TestProtocolIsWhole(t *testing.T) {
	page := protocolPage(t)
	said := regexp.MustCompile(`(?m)^ *(?:rpc (\w+)\(|(POLICY_[A-Z_]+|GAP_REASON_[A-Z_]+|RETAIN_[A-Z_]+|REPLICA_(?:ROLE|STATE)_[A-Z_]+) =)`)
	checked := 0
	for _, name := range []string{"dispatch", "groups", "streams", "consumers", "locks", "chat", "storage", "cluster", "source"} {
		file, err := os.ReadFile("proto/eventnode/v1/" + name + ".proto")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(file), -1) {
			if word := m[1] + m[2]; !strings.HasSuffix(word, "Y_UNSPECIFIED") && word != "RETAIN_UNSPECIFIED" && !strings.HasPrefix(word, "REPLICA_ROLE_U") && !strings.HasPrefix(word, "REPLICA_STATE_U") && !regexp.MustCompile(`\b`+word+`\b`).MatchString(page) {
				t.Errorf("not a word of %s", word)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("only %d words were looked for", checked)
	}
}

// The client that the page shows is the one that test/nodejs runs.
func TestProtocolExample(t *testing.T) {
	program, err := os.ReadFile("test/nodejs/example.js")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(protocolPage(t), "```js\n"+string(program)+"```\n") {
		t.Error("the example is not test/nodejs/example.js")
	}
}

// The page's links lead somewhere.
func TestProtocolLinks(t *testing.T) {
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(protocolPage(t), -1) {
		if _, err := os.Stat(filepath.Join("docs", m[1])); err != nil {
			t.Error(err)
		}
	}
}
