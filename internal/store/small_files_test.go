package store_test

import (
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Other versions of the program read these files.
func TestBytesOfSmallFilesNeverChange(t *testing.T) {
	const head = "556d6144426864000100000000000000" + "612073746f726520666f7220646f6373" + "0200000000000000" + "60b15e850ea45bdf" +
		"8d8fa9f971644a47" + "551024bba7e38219" + "00000000" + "7b71913e"
	if got := hex.EncodeToString(docFiles(t)["HEAD"]); got != head {
		t.Errorf("the file HEAD is %s", got)
	}
	disk := vfs.NewMem()
	if err := disk.MkdirAll(crashDir); err != nil {
		t.Fatal(err)
	}
	if err := store.MarkStandby(disk, crashDir, "http://ann:50051"); err != nil {
		t.Fatal(err)
	}
	f, err := openDir(t, disk, crashDir).Open("STANDBY")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mark, err := io.ReadAll(io.NewSectionReader(f, 0, 1000))
	if err != nil {
		t.Fatal(err)
	}
	want := "556d6144427362000100000010000000" + strings.Repeat("00", 16) + hex.EncodeToString([]byte("http://ann:50051")) + strings.Repeat("00", 460) + "21ed2774"
	if got := hex.EncodeToString(mark); got != want {
		t.Errorf("the file STANDBY is %s", got)
	}
}
