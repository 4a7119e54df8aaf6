package command

import (
	"encoding/base64"
	"strings"
	"testing"
)

func key64(b string, n int) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(b, n)))
}

// A file of keys has one a line, in order; what is wrong is told with its line, and not
// quoted.
func TestGossipKeyFile(t *testing.T) {
	keys, err := parseGossipKeys([]byte("# since May\n" + key64("a", 32) + "\r\n\n  " + key64("b", 16) + "  \n"))
	if err != nil || len(keys) != 2 || string(keys[0]) != strings.Repeat("a", 32) || string(keys[1]) != strings.Repeat("b", 16) {
		t.Errorf("%q, %v", keys, err)
	}
	var many strings.Builder
	for i := range 17 {
		many.WriteString(key64(string(rune('a'+i)), 16) + "\n")
	}
	for text, want := range map[string]string{
		"":                                     "there is no key in it",
		"# nothing":                            "there is no key in it",
		"\n" + key64("a", 15):                  "line 2: it must hold 16, 24 or 32 bytes in base64",
		key64("a", 32) + " x":                  "line 1: it must hold",
		"secret!":                              "line 1: it must hold",
		key64("a", 16) + "\n" + key64("a", 16): "line 2: this key is there already",
		many.String():                          "line 17: more than 16 keys",
	} {
		if _, err := parseGossipKeys([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) ||
			strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), key64("a", 15)[:8]) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// No text makes the decoder do anything but return keys of the three lengths, each once,
// or an error.
func FuzzGossipKeyFile(f *testing.F) {
	f.Add([]byte(key64("a", 16) + "\n# b\n" + key64("b", 32)))
	f.Add([]byte("\n\n="))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseGossipKeys(text)
		if err != nil {
			return
		}
		if len(keys) == 0 || len(keys) > maxGossipKeys {
			t.Fatal(len(keys))
		}
		for _, k := range keys {
			if len(k) != 16 && len(k) != 24 && len(k) != 32 {
				t.Fatal(len(k))
			}
		}
	})
}
