package record

import "google.golang.org/protobuf/encoding/protowire"

// The approximate size in bytes of a parsed and compiled query in memory, without its text.
const (
	itemCost = 192 // for each item, including its watch in a subscription
	termCost = 80  // for each type or tag
)

// QueryCost returns the approximate size in bytes of a parsed query in memory, without
// its text.
func QueryCost(items, terms int) int64 { return int64(items)*itemCost + int64(terms)*termCost }

// ReadQueryCost returns the approximate size in bytes that the query of an encoded
// ReadRequest or SubscribeRequest has in memory once it is parsed. It ignores fields
// that cannot be parsed.
func ReadQueryCost(request []byte) int64 { return costWithin(request, readQuery, queryCost) }

// AppendQueryCost returns what ReadQueryCost returns, for the condition of an
// AppendRequest.
func AppendQueryCost(request []byte) int64 {
	return costWithin(request, fieldAppendCondition, func(condition []byte) int64 {
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

// costWithin returns the sum of the costs of the fields with the given number.
func costWithin(message []byte, number protowire.Number, cost func([]byte) int64) (total int64) {
	for f, err := range fields(message) {
		if err == nil && f.message(number) {
			total += cost(f.bytes)
		}
	}
	return total
}
