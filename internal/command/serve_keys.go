package command

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxGossipKeys bounds the keys of a file.
const maxGossipKeys = 16

// parseGossipKeys reads keys in base64, one a line; empty lines and those that start with
// # are skipped. Errors do not quote what the file holds.
func parseGossipKeys(texts ...[]byte) (keys [][]byte, err error) {
	number := 0
	for line := range strings.SplitSeq(string(texts[0]), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		switch {
		case err != nil || len(key) != 16 && len(key) != 24 && len(key) != 32:
			return nil, fmt.Errorf("line %d: it must hold 16, 24 or 32 bytes in base64: `openssl rand -base64 32` makes a key", number)
		case slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }):
			return nil, fmt.Errorf("line %d: this key is there already", number)
		case len(keys) == maxGossipKeys:
			return nil, fmt.Errorf("line %d: more than %d keys: take out those that no node uses any more", number, maxGossipKeys)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in it: write one a line, in base64")
	}
	return keys, nil
}
