package console

import (
	"regexp"
	"strings"
)

// numberCell matches the cells that begin as a formula does and are numbers.
var numberCell = regexp.MustCompile(`^[+-][0-9]+(\.[0-9]+)?$`)

// plainCells puts an apostrophe before those cells of a row that a spreadsheet would evaluate as formulas: their
// text is that of events, which anyone may have written.
func plainCells(row []string) []string {
	for i, cell := range row {
		if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) && !numberCell.MatchString(cell) {
			row[i] = "'" + cell
		}
	}
	return row
}
