package umadb

import (
	"reflect"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/store"
)

// fill sets each number of a struct to another value, and each flag.
func fill(v reflect.Value, last *int64) {
	*last++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(*last, 0)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), last)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), last)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(*last)
	case v.CanUint():
		v.SetUint(uint64(*last))
	case v.CanFloat():
		v.SetFloat(float64(*last))
	}
}

// values calls a function with the numbers and flags in a struct.
func values(path string, v reflect.Value, each func(path string, value reflect.Value)) {
	switch {
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			values(path+"."+v.Type().Field(i).Name, v.Field(i), each)
		}
	case v.Kind() == reflect.Slice && v.Len() > 0:
		values(path, v.Index(0), each)
	default:
		each(path, v)
	}
}

// Every public field has a value of the store, and no two have the same.
func TestEveryMetricIsThatOfTheStore(t *testing.T) {
	var internal store.Metrics
	last := int64(0)
	fill(reflect.ValueOf(&internal).Elem(), &last)
	seen := make(map[any]string)
	values("Metrics", reflect.ValueOf(newMetrics(internal)), func(path string, value reflect.Value) {
		number := value.Interface()
		if at, isTime := number.(time.Time); isTime {
			number = at.Unix()
		}
		switch {
		case value.IsZero():
			t.Errorf("%s is not set", path)
		case value.Kind() == reflect.Bool:
		case seen[number] != "":
			t.Errorf("%s and %s are the same", path, seen[number])
		}
		seen[number] = path
	})
}
