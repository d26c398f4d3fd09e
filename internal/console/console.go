package console

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/umadb-go/umadb/internal/web"
)

//go:embed static
var static embed.FS

// pages are the pages of the console.
var pages = []page{
	overview,
	typesPage,
	tagsPage,
	storePage,
	browse,
	live,
	event,
	eventDataPage,
	code,
	timeline,
	graph,
	tracking,
	appendPage,
	rejections,
	why,
}

// menu are the paths of the pages that each page has a link to, in order.
var menu = []string{"/", "/browse", "/timeline", "/live", "/graph", "/tracking", "/rejections", "/why", "/store", "/append"}

// Register adds the pages to a server.
func Register(s *web.Server) {
	for _, p := range pages {
		s.Handle("GET "+p.pattern(), p.html, fail)
		s.Handle("GET "+p.file()+".json", p.json, failJSON)
		s.Handle("GET "+p.file()+".csv", p.csv, failJSON)
	}
	s.HandleAppend("POST /append", checked(submitAppend), fail)
	s.Handle("GET /complete/types", checked(completeTypes), web.FailJSON)
	s.Handle("GET /complete/tags", checked(completeTags), web.FailJSON)
	s.HandleStream("GET /live/events", checked(streamLive), web.FailJSON)
	s.Handle("GET /data/download", checked(download), fail)
	s.HandleOpen("GET /login", func(w http.ResponseWriter, r *http.Request) { showLogin(w, r, s.PrintedKey()) })
	s.HandleOpen("POST /login", login)
	s.HandleOpen("POST /logout", logout)
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err)
	}
	s.HandleOpen("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)).ServeHTTP)
	s.FailUnder("/", fail)
}
