package encoding

// etfVersion begins each term.
const etfVersion = 131

// The tags of Erlang's external term format: those that stand for what JSON has, and
// the one that is refused by name.
const (
	tagNewFloat      = 70
	tagCompressed    = 80
	tagSmallInteger  = 97
	tagInteger       = 98
	tagFloat         = 99
	tagAtom          = 100 // Latin-1: every decoder knows it
	tagSmallTuple    = 104
	tagLargeTuple    = 105
	tagNil           = 106 // the empty list
	tagString        = 107 // a list of bytes, such as [0, 1]
	tagList          = 108
	tagBinary        = 109
	tagSmallBig      = 110
	tagLargeBig      = 111
	tagSmallAtom     = 115
	tagMap           = 116
	tagAtomUTF8      = 118
	tagSmallAtomUTF8 = 119
)

// maxBig is how many bytes an integer may have.
const maxBig = 255

// maxDigits is how many digits an integer may have that fits: 10^614 is less than 2^2040.
const maxDigits = 614
