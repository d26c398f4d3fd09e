package encoding

import "google.golang.org/protobuf/encoding/protowire"

// What a query takes in memory once it is parsed and compiled, in bytes: about so
// much for each item and each type or tag, beside the text. An item of a subscription
// is also watched for.
const (
	itemCost = 192
	termCost = 80
)

// QueryCost returns about how many bytes a parsed query takes in memory beside its
// text.
func QueryCost(items, terms int) int64 { return int64(items)*itemCost + int64(terms)*termCost }

// ReadQueryCost returns about how many bytes the query of a ReadRequest or
// SubscribeRequest will take in memory, from the bytes of the request. What
// cannot be parsed costs nothing.
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

// costWithin adds up the costs of the fields that have a number.
func costWithin(message []byte, number protowire.Number, cost func([]byte) int64) (total int64) {
	for f, err := range fields(message) {
		if err == nil && f.message(number) {
			total += cost(f.bytes)
		}
	}
	return total
}
