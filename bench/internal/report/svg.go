package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// svg collects elements. Coordinates are rounded to a tenth of a pixel: more
// would only make differences between runs longer.
type svg struct{ strings.Builder }

func (s *svg) add(format string, args ...any) {
	fmt.Fprintf(s, format+"\n", args...)
}

func (s *svg) rect(x, y, w, h float64, attributes string) {
	s.add(`<rect x="%s" y="%s" width="%s" height="%s" %s/>`, px(x), px(y), px(w), px(h), attributes)
}

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	s.add(`<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`, px(x1), px(y1), px(x2), px(y2), class)
}

func (s *svg) text(x, y float64, class, content string) {
	s.add(`<text x="%s" y="%s" class="%s">%s</text>`, px(x), px(y), class, xmlText(content))
}

func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// xmlText replaces what has a meaning in XML, and control characters, which it
// forbids.
func xmlText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// textWidth estimates, rather too wide than too narrow, since every viewer has
// its own font.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune(" .,:;'|!()[]ijlIft", r):
			w += 0.36
		case strings.ContainsRune("mwMW@%", r):
			w += 0.92
		case 'A' <= r && r <= 'Z':
			w += 0.7
		default:
			w += 0.6
		}
	}
	return w * size
}

// wrap breaks text into at most limit lines no wider than width; what does not
// fit ends in an ellipsis.
func wrap(s string, size, width float64, limit int) []string {
	var lines []string
	for word := range strings.FieldsSeq(s) {
		last := len(lines) - 1
		if last >= 0 && textWidth(lines[last]+" "+word, size) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	if len(lines) > limit {
		lines = lines[:limit]
		lines[limit-1] += " …"
	}
	for i, line := range lines {
		lines[i] = clip(line, size, width)
	}
	return lines
}

func clip(s string, size, width float64) string {
	runes := []rune(s)
	if textWidth(s, size) <= width {
		return s
	}
	for len(runes) > 0 && textWidth(string(runes)+"…", size) > width {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " …") + "…"
}
