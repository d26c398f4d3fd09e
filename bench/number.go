package main

import (
	"fmt"
	"math"
	"strconv"
)

const none = "–"

// thousands formats v as an integer with commas.
func thousands(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	text := strconv.FormatInt(int64(math.Round(v)), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// significant formats v with three significant digits, from 100 on as an integer.
func significant(v float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return none
	case size >= 100:
		return thousands(v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	case size >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// times formats a ratio.
func times(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	if math.Abs(v) < 100 {
		return fmt.Sprintf("%.2f×", v)
	}
	return thousands(v) + "×"
}

func mebibytes(v float64) string { return significant(v / (1 << 20)) }
