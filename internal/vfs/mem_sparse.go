package vfs

import "io"

// chunkBytes is the unit in which a sparse file takes memory.
const chunkBytes = 64 << 10

// sparse is the content of a file in a volatile file system. It is in chunks, so that a
// growing file is not copied. Bytes after the end of a chunk are zero, so space that was
// allocated and not written takes no memory.
type sparse struct {
	size   int64
	chunks [][]byte
}

func (s *sparse) readAt(p []byte, offset int64) (int, error) {
	if offset >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-offset))
	for done := 0; done < n; {
		i, at := int(offset/chunkBytes), int(offset%chunkBytes)
		part := p[done:min(n, done+chunkBytes-at)]
		clear(part)
		if i < len(s.chunks) && at < len(s.chunks[i]) {
			copy(part, s.chunks[i][at:])
		}
		done += len(part)
		offset += int64(len(part))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *sparse) writeAt(p []byte, offset int64) {
	if len(p) > 0 {
		s.size = max(s.size, offset+int64(len(p)))
	}
	for len(p) > 0 {
		i, at := int(offset/chunkBytes), int(offset%chunkBytes)
		for len(s.chunks) <= i {
			s.chunks = append(s.chunks, nil)
		}
		n := min(len(p), chunkBytes-at)
		s.chunks[i] = resize(s.chunks[i], int64(max(len(s.chunks[i]), at+n)))
		copy(s.chunks[i][at:], p[:n])
		p = p[n:]
		offset += int64(n)
	}
}

// truncate sets the size.
func (s *sparse) truncate(size int64) {
	s.size = size
	last := int(size / chunkBytes)
	if last >= len(s.chunks) {
		return
	}
	if end := int(size % chunkBytes); end < len(s.chunks[last]) {
		s.chunks[last] = s.chunks[last][:end]
	}
	clear(s.chunks[last+1:])
	s.chunks = s.chunks[:last+1]
}
