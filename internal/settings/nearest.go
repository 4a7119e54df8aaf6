package settings

import "unicode/utf8"

// Nearest is the one of known that a mistyped word is likely to mean: of those that at
// most a third of its letters must change for, the first with the fewest changes; "" if
// there is none.
func Nearest(word string, known []string) string {
	const longest = 128 // nobody mistypes more
	if len(word) > longest {
		return ""
	}
	best, least := "", utf8.RuneCountInString(word)/3+1
	for _, k := range known {
		if d := distance([]rune(word), []rune(k)); d < least || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out or replaced (Levenshtein, 1965).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			d := diagonal
			if x != y {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
