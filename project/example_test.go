package project_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/codec"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/project"
)

type OrderPlaced struct {
	Customer string
	Amount   int
}

var events = codec.New(
	codec.Of("OrderPlaced", func(e OrderPlaced) []string { return []string{"customer:" + e.Customer} }),
)

var placed = dcb.Query{Items: []dcb.QueryItem{{Types: []string{"OrderPlaced"}}}}

// turnover is a target: what each customer has ordered, in a file. Renaming a file is its
// transaction. A program with a database writes the position in the transaction with the amounts.
type turnover struct{ path string }

type turnoverFile struct {
	Position uint64
	Amounts  map[string]int
}

func (t turnover) read() (file turnoverFile, err error) {
	file.Amounts = map[string]int{}
	data, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return file, nil
	}
	if err != nil {
		return file, err
	}
	return file, json.Unmarshal(data, &file)
}

func (t turnover) Position(context.Context) (uint64, error) {
	file, err := t.read()
	return file.Position, err
}

func (t turnover) Handle(_ context.Context, batch project.Batch) error {
	file, err := t.read()
	if err != nil {
		return err
	}
	if file.Position != batch.After {
		return fmt.Errorf("another instance has written %s", t.path)
	}
	for _, event := range batch.Events {
		value, err := events.Decode(event.Event)
		if err != nil {
			return err
		}
		order := value.(OrderPlaced)
		file.Amounts[order.Customer] += order.Amount
	}
	file.Position = batch.Position
	data, err := json.Marshal(file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(t.path+".new", t.path)
}

// A projection into something with transactions of its own.
func ExampleRun() {
	store := umadb.OpenMemory()
	defer store.Close()
	dir, err := os.MkdirTemp("", "turnover")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	target := turnover{filepath.Join(dir, "turnover.json")}

	for _, order := range []OrderPlaced{{"ann", 30}, {"bob", 20}, {"ann", 5}} {
		encoded, _ := events.Encode(order)
		_, _ = store.Append(context.Background(), encoded, nil, nil)

		// A real program runs until it gets a signal. This one is started for each order.
		ctx, stop := context.WithCancel(context.Background())
		err := project.Run(ctx, store, placed, target, &project.Options{Progress: func(p project.Progress) {
			if p.Lag() == 0 {
				stop()
			}
		}})
		file, _ := target.read()
		fmt.Println(file, err)
	}
	// Output:
	// {1 map[ann:30]} <nil>
	// {2 map[ann:30 bob:20]} <nil>
	// {3 map[ann:35 bob:20]} <nil>
}

// A projection that appends events. The position up to which orders have been processed is
// recorded with the invoices, as tracking information.
func ExampleTracking() {
	ctx, stop := context.WithCancel(context.Background())
	store := umadb.OpenMemory()
	defer store.Close()
	encoded, _ := events.Encode(OrderPlaced{"ann", 30}, OrderPlaced{"bob", 20})
	_, _ = store.Append(ctx, encoded, nil, nil)

	target := project.Tracking(store, "invoices", func(_ context.Context, batch project.Batch) (invoices []dcb.Event, _ error) {
		for _, order := range batch.Events {
			invoices = append(invoices, dcb.Event{Type: "InvoiceSent", Tags: order.Event.Tags})
		}
		return invoices, nil
	})
	err := project.Run(ctx, store, placed, target, &project.Options{Progress: func(p project.Progress) {
		if p.Position >= 2 {
			stop()
		}
	}})
	fmt.Println("stopped:", err)

	stored, _, _ := store.Read(context.Background(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	for _, event := range stored {
		fmt.Println(event.Position, event.Event.Type, event.Event.Tags)
	}
	fmt.Println(store.GetTrackingInfo(context.Background(), "invoices"))
	// Output:
	// stopped: <nil>
	// 1 OrderPlaced [customer:ann]
	// 2 OrderPlaced [customer:bob]
	// 3 InvoiceSent [customer:ann]
	// 4 InvoiceSent [customer:bob]
	// 2 true <nil>
}
