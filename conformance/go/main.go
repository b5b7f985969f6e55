// Command check verifies a log of Entrepot with software that its authors did not write:
//
//	check audit URL VKEYS CHECKPOINT...   golang.org/x/mod/sumdb: note and tlog
//	check fsck URL VKEYS                  Tessera's fsck
//	check append FOLDER POLICY            a Tessera log whose checkpoints our witness cosigns
//	check cosigned NOTE VKEY WHAT         cosignature/v1 of a checkpoint, by transparency-dev/formats
//	check rate FOLDER ENTRIES SECONDS     how fast a Tessera log takes entries (for benchmarks/)
//
// It prints one JSON object per check: what was checked, how often it held, and how many
// forgeries it refused. It exits with 1 at the first thing that does not hold.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight  = 8
	bundleWidth = 256
	proofs      = 100
	bodyMax     = 32 << 20
)

// finding is one line of output.
type finding struct {
	Client   string `json:"client"`
	Version  string `json:"version"`
	Checked  string `json:"checked"`
	Held     int    `json:"held"`
	Rejected int    `json:"rejected"`
}

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: check audit|fsck|append|cosigned ..."))
	}
	var err error
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "audit":
		err = audit(arguments[0], arguments[1], arguments[2:])
	case "fsck":
		err = runFsck(arguments[0], arguments[1])
	case "append":
		err = appendWitnessed(arguments[0], arguments[1])
	case "rate":
		err = rate(arguments[0], arguments[1], arguments[2])
	case "cosigned":
		err = cosigned(arguments[0], arguments[1], arguments[2])
	default:
		err = fmt.Errorf("unknown check %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func report(found finding) {
	line, err := json.Marshal(found)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

// version returns the version of a module this program was built with.
func version(module string) string {
	built, _ := debug.ReadBuildInfo()
	for _, dependency := range built.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "?"
}

// ed25519Key returns the first line of a file of vkeys: the log's Ed25519 key.
func ed25519Key(file string) (string, note.Verifier, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	vkey := strings.SplitN(string(content), "\n", 2)[0]
	verifier, err := note.NewVerifier(vkey)
	return vkey, verifier, err
}

type tree struct {
	tlog.Tree
	raw []byte
}

// openCheckpoint opens a signed checkpoint as golang.org/x/mod does, ignoring keys it does not know.
func openCheckpoint(raw []byte, verifier note.Verifier) (tree, error) {
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		return tree{}, fmt.Errorf("origin %q is not the key's name", lines[0])
	}
	var size int64
	if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil {
		return tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return tree{}, err
	}
	var hash tlog.Hash
	copy(hash[:], root)
	return tree{tlog.Tree{N: size, Hash: hash}, raw}, nil
}

// reader reads hashes from tiles over HTTP; it implements tlog.TileReader.
type reader struct{ base string }

func (r reader) Height() int { return tileHeight }

func (r reader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// C2SP tlog-tiles leaves the height out of the path, and so does our log.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := get(r.base + path)
		if err != nil {
			return nil, err
		}
		found[i] = content
	}
	return found, nil
}

func get(address string) ([]byte, error) {
	answer, err := http.Get(address)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, bodyMax))
}

// entry returns one entry from its bundle.
func entry(base string, index, size int64) ([]byte, error) {
	number := index / bundleWidth
	width := min(size-number*bundleWidth, bundleWidth)
	path := strings.Replace(
		tlog.Tile{H: tileHeight, L: 0, N: number, W: int(width)}.Path(), "tile/8/0/", "tile/entries/", 1)
	bundle, err := get(base + path)
	if err != nil {
		return nil, err
	}
	for at := int64(0); ; at++ {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("bundle %d ends before entry %d", number, index)
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if at == index%bundleWidth {
			return bundle[2 : 2+length], nil
		}
		bundle = bundle[2+length:]
	}
}

func audit(base, keys string, earlier []string) error {
	_, verifier, err := ed25519Key(keys)
	if err != nil {
		return err
	}
	raw, err := get(base + "checkpoint")
	if err != nil {
		return err
	}
	latest, err := openCheckpoint(raw, verifier)
	if err != nil {
		return err
	}
	const module = "golang.org/x/mod"
	at := version(module)
	forged := bytes.Replace(raw, []byte(fmt.Sprintf("\n%d\n", latest.N)), []byte(fmt.Sprintf("\n%d\n", latest.N+1)), 1)
	if _, err := openCheckpoint(forged, verifier); err == nil {
		return fmt.Errorf("a checkpoint with another size was accepted")
	}
	report(finding{module + "/sumdb/note", at, "checkpoint signature", 1, 1})
	if err := auditInclusion(base, latest, module, at); err != nil {
		return err
	}
	return auditConsistency(base, latest, verifier, earlier, module, at)
}

func auditInclusion(base string, latest tree, module, at string) error {
	hashes := tlog.TileHashReader(latest.Tree, reader{base})
	step := max(latest.N/proofs, 1)
	held, rejected := 0, 0
	for index := int64(0); index < latest.N; index += step {
		proof, err := tlog.ProveRecord(latest.N, index, hashes)
		if err != nil {
			return err
		}
		content, err := entry(base, index, latest.N)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, latest.N, latest.Hash, index, tlog.RecordHash(content)); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		held++
		other := tlog.RecordHash(append(content, 0))
		if err := tlog.CheckRecord(proof, latest.N, latest.Hash, index, other); err == nil {
			return fmt.Errorf("a forged entry %d was accepted", index)
		}
		rejected++
	}
	report(finding{module + "/sumdb/tlog", at, "inclusion, from tiles and bundles over HTTP", held, rejected})
	return nil
}

func auditConsistency(base string, latest tree, verifier note.Verifier, earlier []string, module, at string) error {
	hashes := tlog.TileHashReader(latest.Tree, reader{base})
	held, rejected := 0, 0
	for _, file := range earlier {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		old, err := openCheckpoint(raw, verifier)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(latest.N, old.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, latest.N, latest.Hash, old.N, old.Hash); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		held++
		old.Hash[0] ^= 1
		if err := tlog.CheckTree(proof, latest.N, latest.Hash, old.N, old.Hash); err == nil {
			return fmt.Errorf("a forged older root was accepted")
		}
		rejected++
	}
	report(finding{module + "/sumdb/tlog", at, "consistency with earlier checkpoints", held, rejected})
	return nil
}

// leafHashes hashes the entries of a bundle as RFC 6962 does, for Tessera's fsck.
func leafHashes(bundle []byte) ([][]byte, error) {
	var hashes [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return nil, fmt.Errorf("bundle is cut short")
		}
		length := int(binary.BigEndian.Uint16(bundle))
		hash := tlog.RecordHash(bundle[2 : 2+length])
		hashes = append(hashes, hash[:])
		bundle = bundle[2+length:]
	}
	return hashes, nil
}

// spoiling hands out the log's files with one byte of one tile changed.
type spoiling struct{ fsck.Fetcher }

func (s spoiling) ReadTile(ctx context.Context, level, index uint64, width uint8) ([]byte, error) {
	content, err := s.Fetcher.ReadTile(ctx, level, index, width)
	if err == nil && len(content) > 0 {
		content[len(content)-1] ^= 1
	}
	return content, err
}

func runFsck(base, keys string) error {
	_, verifier, err := ed25519Key(keys)
	if err != nil {
		return err
	}
	root, err := url.Parse(base)
	if err != nil {
		return err
	}
	fetcher, err := client.NewHTTPFetcher(root, http.DefaultClient)
	if err != nil {
		return err
	}
	// A worker ends with the first thing it finds wrong; with few of them the others would wait.
	options := fsck.Opts{N: 256}
	check := fsck.New(verifier.Name(), verifier, fetcher, leafHashes, options)
	if err := check.Check(context.Background()); err != nil {
		return err
	}
	if fsck.New(verifier.Name(), verifier, spoiling{fetcher}, leafHashes, options).Check(context.Background()) == nil {
		return fmt.Errorf("a spoilt tile was accepted")
	}
	const module = "github.com/transparency-dev/tessera"
	report(finding{module + "/fsck", version(module), "every tile and bundle against the checkpoint", 1, 1})
	return nil
}

// appendWitnessed runs a Tessera log that publishes no checkpoint which the witnesses of the policy
// have not cosigned, and prints its keys first so that the witness can be told of it.
func appendWitnessed(folder, policyFile string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	secret, vkey, err := note.GenerateKey(rand.Reader, "tessera.example/log")
	if err != nil {
		return err
	}
	fmt.Println(vkey)
	// The caller answers with an empty line once the witness knows this log.
	if _, err := fmt.Fscanln(os.Stdin); err != nil && err.Error() != "unexpected newline" {
		return err
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: 10 * time.Second})
	appender, shutdown, logReader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, logReader.ReadCheckpoint, 100*time.Millisecond)
	held := 0
	for number := 0; number < 3; number++ {
		added := appender.Add(ctx, tessera.NewEntry([]byte(fmt.Sprintf("entry %d", number))))
		_, raw, err := awaiter.Await(ctx, added)
		if err != nil {
			return fmt.Errorf("the witness did not cosign: %w", err)
		}
		if !witnesses.Satisfied(raw) {
			return fmt.Errorf("the published checkpoint does not satisfy the policy")
		}
		held++
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	const module = "github.com/transparency-dev/tessera"
	report(finding{module, version(module), "a foreign log, cosigned by our witness before it publishes", held, 0})
	return nil
}

// rate appends entries of 330 bytes in rounds, as many at once as a batch holds, and waits until each
// has its durable index; it prints rounds and the median rate. Publication follows in the background,
// as Tessera has it; the last checkpoint is awaited at the end.
func rate(folder, batchText, secondsText string) error {
	batch, err := strconv.Atoi(batchText)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(secondsText, 64)
	if err != nil {
		return err
	}
	ctx := context.Background()
	secret, _, err := note.GenerateKey(rand.Reader, "tessera.example/log")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second).
		WithBatching(uint(batch), 5*time.Millisecond).
		WithPushback(uint(4 * batch))
	appender, shutdown, logReader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, logReader.ReadCheckpoint, 50*time.Millisecond)
	var rates []float64
	var last tessera.IndexFuture
	content := make([]byte, 330)
	for began := time.Now(); time.Since(began).Seconds() < seconds; {
		round := time.Now()
		futures := make([]tessera.IndexFuture, batch)
		for at := range futures {
			if _, err := rand.Read(content); err != nil {
				return err
			}
			futures[at] = appender.Add(ctx, tessera.NewEntry(bytes.Clone(content)))
		}
		for _, future := range futures {
			if _, err := future(); err != nil {
				return err
			}
		}
		last = futures[batch-1]
		rates = append(rates, float64(batch)/time.Since(round).Seconds())
	}
	if _, _, err := awaiter.Await(ctx, last); err != nil {
		return err
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	slices.Sort(rates)
	line, err := json.Marshal(map[string]any{
		"version":   version("github.com/transparency-dev/tessera"),
		"rounds":    len(rates),
		"entries_s": rates[len(rates)/2],
	})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

func cosigned(noteFile, vkey, what string) error {
	raw, err := os.ReadFile(noteFile)
	if err != nil {
		return err
	}
	verifier, err := formats.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	when, err := formats.CoSigV1Timestamp(opened.Sigs[0])
	if err != nil {
		return err
	}
	if age := time.Since(when); age < -time.Minute || age > time.Hour {
		return fmt.Errorf("cosigned at %v, which is not now", when)
	}
	forged := bytes.Replace(raw, []byte("\n\n"), []byte("x\n\n"), 1)
	if _, err := note.Open(forged, note.VerifierList(verifier)); err == nil {
		return fmt.Errorf("a changed checkpoint was accepted")
	}
	const module = "github.com/transparency-dev/formats"
	report(finding{module + "/note", version(module), what, 1, 1})
	return nil
}
