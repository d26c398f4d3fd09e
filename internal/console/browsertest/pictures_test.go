package browsertest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// pictureDir is where TestPictures writes. "make console-pictures" sets it to docs/pictures.
var pictureDir = flag.String("pictures", "", "directory of the pictures of the documentation; empty for .cache/screenshots")

// maxPicture is the maximum size in bytes of a picture of the documentation. Another browser, with
// other fonts, may need more.
const maxPicture = 100 << 10

// pictures are the pages of docs/console.md, by the name of the picture. HEAD is the position of the last event.
var pictures = map[string]string{
	"append":     "/append?type=StudentEnrolled&tag=course:go&tag=student:lea&data=%7B%22course%22:%22go%22,%22student%22:%22lea%22%7D&item=type%3DCourseOffered+type%3DStudentEnrolled+tag%3Dcourse:go&after=HEAD",
	"live":       "/live?after=100&type=StudentEnrolled&type=StudentLeft",
	"timeline":   "/timeline",
	"tracking":   "/tracking?source=payments",
	"why":        "/why?type=StudentEnrolled&tag=course:go&after=240",
	"overview":   "/",
	"browse":     "/browse?type=StudentEnrolled&tag=course:go",
	"event":      "/event?position=120",
	"graph":      "/graph?tag=course:go",
	"rejections": "/rejections",
	"store":      "/store",
}

// TestPictures makes the pictures of docs/console.md.
func TestPictures(t *testing.T) {
	t.Parallel()
	dir := *pictureDir
	if dir == "" {
		dir = filepath.Join(servertest.Repository(), ".cache", "screenshots", "pictures")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := serveExport(t, demoDay(time.Now()), "--console-append")
	enrolled := dcb.Event{Type: "StudentEnrolled", Tags: []string{"course:go", "student:bob"}, Data: []byte(`{"course":"go","student":"bob"}`)}
	s.reject(t, enrolled, 6, dcb.QueryItem{Types: []string{"CourseOffered", "StudentEnrolled"}, Tags: []string{"course:go"}})
	paid := dcb.Event{Type: "PaymentReceived", Tags: []string{"student:ann"}, Data: []byte(`{"amount":120,"currency":"EUR"}`)}
	if _, err := s.store.Append(t.Context(), []dcb.Event{paid}, nil, &dcb.TrackingInfo{Source: "payments", Position: 48_213}); err != nil {
		t.Fatal(err)
	}
	head, err := s.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t)
	for _, name := range slices.Sorted(maps.Keys(pictures)) {
		b.open(s.url + strings.ReplaceAll(pictures[name], "HEAD", fmt.Sprint(head)))
		switch name {
		case "append":
			b.follow(chromedp.Click(chromedp.CSS(`form.append button.primary`)))
		case "live":
			b.await(`document.querySelectorAll("#tail .event").length > 5`)
		}
		b.mustBeFine()
		if b.status() != 200 {
			t.Errorf("%s has the status %d", pictures[name], b.status())
		}
		small, err := shrink(must(b, chromedp.CaptureScreenshot()))
		if err != nil {
			t.Fatal(err)
		}
		if *pictureDir != "" && len(small) > maxPicture {
			t.Errorf("the picture %s has %d bytes", name, len(small))
		}
		if err := os.WriteFile(filepath.Join(dir, "console-"+name+".png"), small, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// demoDay returns an export with a day of the courses of the demo, until now.
func demoDay(now time.Time) []byte {
	type line struct {
		Position uint64         `json:"position"`
		Recorded time.Time      `json:"recorded_at"`
		Type     string         `json:"type"`
		Tags     []string       `json:"tags"`
		UUID     string         `json:"uuid"`
		Data     map[string]any `json:"data"`
	}
	var out bytes.Buffer
	position, at := uint64(0), now.Add(-24*time.Hour)
	random := rand.New(rand.NewPCG(1, 2)) // the same pictures for the same pages
	write := func(kind string, tags []string, data map[string]any) {
		position++
		encoded, err := json.Marshal(line{position, at.UTC(), kind, tags, fmt.Sprintf("00000000-0000-4000-8000-%012x", position), data})
		if err != nil {
			panic(err)
		}
		out.Write(append(encoded, '\n'))
		at = at.Add(time.Duration(random.ExpFloat64() * float64(24*time.Hour/260)))
	}
	courses := []string{"go", "python", "rust", "algebra", "botany", "history"}
	for _, course := range courses {
		write("CourseOffered", []string{"course:" + course}, map[string]any{"title": course, "seats": 20})
	}
	students := []string{"ann", "bob", "cleo", "dan", "eva", "finn", "gina", "hugo", "ines", "jon", "kim", "lea", "max", "nora", "otto"}
	for at.Before(now.Add(-5 * time.Minute)) {
		course, student := courses[random.IntN(len(courses))], students[random.IntN(len(students))]
		tags := []string{"course:" + course, "student:" + student}
		switch random.IntN(6) {
		case 0:
			write("StudentLeft", tags, map[string]any{"reason": "changed plans"})
		case 1, 2:
			write("PaymentReceived", []string{"student:" + student}, map[string]any{"amount": 90 + random.IntN(40), "currency": "EUR"})
		default:
			write("StudentEnrolled", tags, map[string]any{"course": course, "student": student, "fee": map[string]any{"amount": 120, "currency": "EUR"}})
		}
	}
	fmt.Fprintf(&out, `{"end":{"head":%d}}`+"\n", position)
	return out.Bytes()
}

// shrink returns a picture with at most 256 colors: those that most of its pixels have and that are
// not close to another one.
func shrink(encoded []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	counts := map[color.RGBA]int{}
	bounds := full.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(full.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	common := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int { return counts[b] - counts[a] })
	var palette color.Palette
	for _, c := range common {
		if len(palette) < 256 && (len(palette) == 0 || distance(c, palette.Convert(c).(color.RGBA)) > 16) {
			palette = append(palette, c)
		}
	}
	indexes := map[color.RGBA]uint8{}
	for _, c := range common {
		indexes[c] = uint8(palette.Index(c))
	}
	small := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			small.SetColorIndex(x, y, indexes[at(x, y)])
		}
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small)
	return out.Bytes(), err
}

// distance returns how much two colors differ.
func distance(a, b color.RGBA) int {
	difference := func(x, y uint8) int { return max(int(x), int(y)) - min(int(x), int(y)) }
	return difference(a.R, b.R) + difference(a.G, b.G) + difference(a.B, b.B)
}
