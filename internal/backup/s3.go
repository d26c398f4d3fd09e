package backup

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// metadataPatience bounds a request for the credentials of the machine.
const metadataPatience = 5 * time.Second

// s3Objects are the objects below a prefix of a bucket.
type s3Objects struct {
	client         *minio.Client
	endpoint       string
	bucket, prefix string // the prefix ends with / or is empty
}

// IsS3 reports whether a text is the URL of a prefix of an S3 bucket.
func IsS3(text string) bool { return strings.HasPrefix(text, "s3://") }

// OpenS3 returns the objects below s3://bucket/prefix. Credentials and region are those of
// the environment or of the files of the AWS command line. The endpoint may be empty: it is
// that of the environment, or AWS.
func OpenS3(ctx context.Context, address, endpoint string) (Objects, error) {
	return openS3(ctx, address, endpoint, stallPatience)
}

func openS3(ctx context.Context, address, endpoint string, patience time.Duration) (Objects, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	prefix = strings.Trim(prefix, "/")
	if !IsS3(address) || bucket == "" {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%q has not the form s3://bucket/prefix", address)}
	}
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the bucket %q", bucket), Cause: err}
	}
	if prefix != "" {
		prefix += "/"
	}
	endpoint = cmp.Or(endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	options := &minio.Options{Secure: true, Region: region, TrailingHeaders: true}
	host := "s3.amazonaws.com"
	if endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the endpoint %q has not the form https://host:port", endpoint)}
		}
		host, options.Secure = u.Host, u.Scheme == "https"
		options.BucketLookup = minio.BucketLookupPath
		options.Region = cmp.Or(region, "us-east-1")
	}
	var err error
	if options.Creds, err = s3Credentials(ctx); err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(options.Secure)
	if err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrIO, Detail: "using " + address, Cause: err}
	}
	options.Transport = newStallTransport(transport, patience)
	client, err := minio.New(host, options)
	if err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "using " + address, Cause: err}
	}
	return &s3Objects{client: client, endpoint: client.EndpointURL().String(), bucket: bucket, prefix: prefix}, nil
}

// s3Credentials returns credentials of the environment, of the shared files, or of the
// machine or pod.
func s3Credentials(ctx context.Context) (*credentials.Credentials, error) {
	providers := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if os.Getenv("AWS_EC2_METADATA_DISABLED") != "true" {
		providers = append(providers, &credentials.IAM{Client: &http.Client{Timeout: metadataPatience}})
	}
	found := credentials.NewChainCredentials(providers)
	value, err := found.GetWithContext(nil)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || value.AccessKeyID == "" {
		return nil, &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "there are no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE", Cause: err}
	}
	return found, nil
}

// String returns the URL of the prefix, without a slash at the end.
func (o *s3Objects) String() string {
	return strings.TrimSuffix("s3://"+o.bucket+"/"+o.prefix, "/")
}

// List implements Objects.
func (o *s3Objects) List(ctx context.Context, prefix string) (all []Object, err error) {
	request, end := withRetries(ctx)
	defer end()
	for info := range o.client.ListObjects(request, o.bucket, minio.ListObjectsOptions{Prefix: o.prefix + prefix, Recursive: true}) {
		if info.Err != nil {
			return nil, o.asError(ctx, "listing", "", info.Err)
		}
		all = append(all, Object{Name: strings.TrimPrefix(info.Key, o.prefix), Size: info.Size})
	}
	return all, ctx.Err()
}

// Put implements Objects.
func (o *s3Objects) Put(ctx context.Context, name string, content *io.SectionReader) error {
	checksum := crc32.New(vfs.CRC)
	if _, err := io.Copy(checksum, io.NewSectionReader(content, 0, content.Size())); err != nil {
		return asError(err, "reading a temporary file")
	}
	options := minio.PutObjectOptions{
		ContentType:      "application/octet-stream",
		DisableMultipart: true,
		UserMetadata: map[string]string{
			"x-amz-checksum-crc32c": base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, checksum.Sum32())),
		},
	}
	options.SetMatchETagExcept("*")
	request, end := withRetries(ctx)
	defer end()
	_, err := o.client.PutObject(request, o.bucket, o.prefix+name, content, content.Size(), options)
	return o.asError(ctx, "creating", name, err)
}

// Get implements Objects.
func (o *s3Objects) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	core := minio.Core{Client: o.client}
	request, end := withRetries(ctx)
	r, _, _, err := core.GetObject(request, o.bucket, o.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		end()
		return nil, o.asError(ctx, "reading", name, err)
	}
	return requestBody{r, end}, nil
}

// Size implements Objects.
func (o *s3Objects) Size(ctx context.Context, name string) (int64, error) {
	request, end := withRetries(ctx)
	defer end()
	info, err := o.client.StatObject(request, o.bucket, o.prefix+name, minio.StatObjectOptions{})
	return info.Size, o.asError(ctx, "reading", name, err)
}

// Delete implements Objects.
func (o *s3Objects) Delete(ctx context.Context, name string) error {
	request, end := withRetries(ctx)
	defer end()
	return o.asError(ctx, "deleting", name, o.client.RemoveObject(request, o.bucket, o.prefix+name, minio.RemoveObjectOptions{}))
}

// asError returns the error of a request as one of package dcb.
func (o *s3Objects) asError(ctx context.Context, doing, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.Canceled) { // its retries were ended
		err = errStalled
	}
	doing = fmt.Sprintf("%s %s", doing, strings.TrimSuffix(o.String()+"/"+name, "/"))
	response, answered := errors.AsType[minio.ErrorResponse](err)
	if !answered {
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("%s: no answer from %s", doing, o.endpoint), Cause: err}
	}
	kind, remedy := dcb.ErrIO, ""
	switch response.Code {
	case minio.PreconditionFailed:
		return fmt.Errorf("%s: %w", doing, ErrExists)
	case minio.NoSuchBucket:
		kind, remedy = dcb.ErrInvalidArgument, fmt.Sprintf("there is no bucket %s at %s: create it, or check --s3-endpoint and AWS_REGION", o.bucket, o.endpoint)
	case minio.NoSuchKey:
		err, remedy = fmt.Errorf("%w: %w", ErrMissing, err), "the object was deleted meanwhile, as a backup does with objects whose commits are in others: run the same command again"
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		kind, remedy = dcb.ErrAuthentication, "access denied: check the credentials, and that they allow s3:ListBucket, s3:GetObject and s3:PutObject"
	case "NotImplemented":
		kind, remedy = dcb.ErrInvalidArgument, "the object store does not support If-None-Match or checksums, which a backup needs"
	case "BadDigest", "XAmzContentChecksumMismatch", "ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable":
		kind = dcb.ErrTransport
	default:
		if response.StatusCode >= 500 {
			kind = dcb.ErrTransport
		}
	}
	if response.StatusCode == 403 && kind == dcb.ErrIO {
		kind, remedy = dcb.ErrAuthentication, "access denied: check the credentials and their rights"
	}
	if remedy != "" {
		doing += ": " + remedy
	}
	return &dcb.Error{Kind: kind, Detail: doing, Cause: err}
}
