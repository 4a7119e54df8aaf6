package event

import "strings"

// Style is how the names of a registry are written: all in one way, so that nobody has
// to remember whether it was user_created, UserCreated or user.created.
type Style uint8

// The styles. Words are ASCII letters and digits and begin with a letter.
const (
	SnakeCase  Style = iota // user_created
	KebabCase               // user-created
	DottedCase              // shop.user_created: words in snake_case between dots
	CamelCase               // userCreated
	PascalCase              // UserCreated
)

// styles are what they are called, in the order of the constants.
var styles = [...]string{"snake_case", "kebab-case", "dotted.case", "camelCase", "PascalCase"}

// String returns the style's name, written in it.
func (s Style) String() string {
	if int(s) < len(styles) {
		return styles[s]
	}
	return "unknown"
}

// fits reports whether a name is written in the style.
func (s Style) fits(name string) bool {
	switch s {
	case SnakeCase:
		return lowerWords(name, "_")
	case KebabCase:
		return lowerWords(name, "-")
	case DottedCase:
		for part := range strings.SplitSeq(name, ".") {
			if !lowerWords(part, "_") {
				return false
			}
		}
		return true
	case CamelCase:
		return startsWith(name, 'a', 'z') && isAlphanumeric(name)
	case PascalCase:
		return startsWith(name, 'A', 'Z') && isAlphanumeric(name)
	}
	return false
}

// lowerWords reports whether name is words of small letters and digits between sep, the
// first of which begins with a letter.
func lowerWords(name, sep string) bool {
	for word := range strings.SplitSeq(name, sep) {
		if word == "" || !isAlphanumeric(word) || word != strings.ToLower(word) {
			return false
		}
	}
	return startsWith(name, 'a', 'z')
}

func startsWith(s string, from, to byte) bool { return s != "" && from <= s[0] && s[0] <= to }

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
