package encoding

import "google.golang.org/protobuf/encoding/protowire"

// About how many bytes a parsed and compiled query takes in memory, besides its text.
const (
	itemCost = 192 // for each item, of which a subscription also has a watch
	termCost = 80  // for each type or tag
)

// QueryCost returns about how many bytes a parsed query takes in memory, besides its
// text.
func QueryCost(items, terms int) int64 { return int64(items)*itemCost + int64(terms)*termCost }

// ReadQueryCost returns about how many bytes the query of an encoded ReadRequest or
// SubscribeRequest will take in memory, once it is parsed. Fields that cannot be parsed
// are ignored.
func ReadQueryCost(request []byte) int64 { return costWithin(request, readQuery, queryCost) }

// AppendQueryCost is ReadQueryCost for the condition of an AppendRequest.
func AppendQueryCost(request []byte) int64 {
	return costWithin(request, appendConditionNo, func(condition []byte) int64 {
		return costWithin(condition, conditionQuery, queryCost)
	})
}

func queryCost(query []byte) int64 { return costWithin(query, queryItem, costOfItem) }

func costOfItem(item []byte) int64 {
	cost := int64(itemCost)
	for f, err := range fields(item) {
		if err == nil && (f.message(itemType) || f.message(itemTag)) {
			cost += termCost + int64(len(f.bytes))
		}
	}
	return cost
}

// costWithin returns the sum of the costs of the fields of a message that have a number.
func costWithin(message []byte, number protowire.Number, cost func([]byte) int64) (total int64) {
	for f, err := range fields(message) {
		if err == nil && f.message(number) {
			total += cost(f.bytes)
		}
	}
	return total
}
