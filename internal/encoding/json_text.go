package encoding

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// unquote is what a string in quotes stands for. Most need no change.
func unquote(quoted []byte) ([]byte, error) {
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return repair(inside), nil
	}
	var text string
	err := json.Unmarshal(quoted, &text)
	return []byte(text), err
}

// repair has U+FFFD stand for each byte that is no UTF-8, as encoding/json has it.
func repair(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	fixed := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		fixed = utf8.AppendRune(fixed, r)
		text = text[n:]
	}
	return fixed
}

// checkJSON is an event's data as it is sent: valid, in UTF-8, null if there is none.
func checkJSON(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return []byte("null"), nil
	}
	s := scanner{data: data}
	if _, err := s.value(); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return repair(data), nil
}

const hex = "0123456789abcdef"

// appendQuoted appends a JSON string.
func appendQuoted[T string | []byte](dst []byte, text T) []byte {
	plain := 0 // most text is wholly so
	for plain < len(text) && text[plain] >= ' ' && text[plain] < utf8.RuneSelf && text[plain] != '"' && text[plain] != '\\' {
		plain++
	}
	dst = append(append(dst, '"'), text[:plain]...)
	if plain == len(text) {
		return append(dst, '"')
	}
	for _, r := range string(text[plain:]) {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(append(dst, `\u00`...), hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
