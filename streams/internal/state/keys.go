package state

import "encoding/binary"

// Keys are a kind, the partition, and what tells the rows of that kind apart,
// all big-endian, so that they sort by number.
//
//	partition   kind                               PartitionRow
//	name        kind namespace 0 name              the stream's number, 8 bytes
//	stream      kind stream                        StreamRow
//	head        kind stream                        StreamState
//	chunk       kind stream first                  seal, Chunk
//	known       kind stream id                     its order, 8 bytes
//	order       kind stream order                  KnownRow
//	producer    kind stream producer               ProducerRow
//	replicas    kind                               ReplicasRow
//	pools       kind                               PoolsRow
//	due         kind stamp stream                  nothing
//	gone        kind stream from                   the last number of the hole, 8 bytes
//	group       kind stream name                   GroupRow
//	group name  kind stream group                  the consumer group's name
//	floor       kind stream floor group            nothing
//	consumer    kind stream group consumer         ConsumerRow
//	pending     kind stream group first            PendingRow
//	turn        kind stream group consumer epoch first   nothing
//	skipped     kind stream group                  SkippedRow
//	wake        kind ms what ...                   nothing: see wake.go
//	lock        kind namespace 0 name              LockRow
type kind byte

const (
	kindPartition kind = 1 + iota
	kindName
	kindStream
	kindHead
	kindChunk
	kindKnown
	kindOrder
	kindProducer
	kindReplicas
	kindPools
	kindDue
	kindGone
	kindGroup
	kindGroupName
	kindFloor
	kindConsumer
	kindPending
	kindTurn
	kindSkipped
	kindWake
	kindLock

	kindLast = kindLock
)

// ofStream are the kinds of rows that go with their stream.
func ofStream() []kind {
	return []kind{kindChunk, kindKnown, kindOrder, kindProducer, kindGone,
		kindGroup, kindGroupName, kindFloor, kindConsumer, kindPending, kindTurn, kindSkipped}
}

// ofGroup are those that go with their consumer group.
func ofGroup() []kind { return []kind{kindConsumer, kindPending, kindTurn, kindSkipped} }

// keyPrefix is the length of kind and partition.
const keyPrefix = 1 + 4

// chunkKeySize is the length of a chunk's key.
const chunkKeySize = keyPrefix + 8 + 8

// keys makes the keys of one partition.
type keys uint32

// of begins a key, with room for n bytes more.
func (k keys) of(kd kind, n int) []byte {
	b := make([]byte, 0, keyPrefix+n)
	return binary.BigEndian.AppendUint32(append(b, byte(kd)), uint32(k))
}

// number is a key that ends with a number.
func (k keys) number(kd kind, id uint64) []byte {
	return binary.BigEndian.AppendUint64(k.of(kd, 8), id)
}

func (k keys) partition() []byte { return k.of(kindPartition, 0) }
func (k keys) replicas() []byte  { return k.of(kindReplicas, 0) }
func (k keys) pools() []byte     { return k.of(kindPools, 0) }

// name is the key of a stream's name. Neither part has a zero byte.
func (k keys) name(n Name) []byte {
	b := append(k.of(kindName, len(n.Namespace)+1+len(n.Name)), n.Namespace...)
	return append(append(b, 0), n.Name...)
}

// namespace bounds the names of a namespace.
func (k keys) namespace(ns string) (lower, upper []byte) {
	lower = append(append(k.of(kindName, len(ns)+1), ns...), 0)
	upper = append([]byte(nil), lower...)
	upper[len(upper)-1] = 1
	return lower, upper
}

// all bounds the rows of a kind.
func (k keys) all(kd kind) (lower, upper []byte) { return k.of(kd, 0), k.of(kd+1, 0) }

func (k keys) stream(id uint64) []byte { return k.number(kindStream, id) }
func (k keys) head(id uint64) []byte   { return k.number(kindHead, id) }

func (k keys) chunk(id, first uint64) []byte {
	return binary.BigEndian.AppendUint64(k.number(kindChunk, id), first)
}

func (k keys) known(id uint64, event []byte) []byte {
	return append(k.number(kindKnown, id), event...)
}

func (k keys) order(id, order uint64) []byte {
	return binary.BigEndian.AppendUint64(k.number(kindOrder, id), order)
}

func (k keys) producer(id uint64, producer []byte) []byte {
	return append(k.number(kindProducer, id), producer...)
}

func (k keys) gone(id, from uint64) []byte { return k.pair(kindGone, id, from) }

// pair is a key that ends with two numbers.
func (k keys) pair(kd kind, id, n uint64) []byte {
	b := binary.BigEndian.AppendUint64(k.of(kd, 8+8+4+8+8), id) // room for what a turn adds
	return binary.BigEndian.AppendUint64(b, n)
}

func (k keys) group(id uint64, name string) []byte {
	return append(k.number(kindGroup, id), name...)
}

func (k keys) groupName(id, group uint64) []byte { return k.pair(kindGroupName, id, group) }

func (k keys) floor(id, floor, group uint64) []byte {
	return binary.BigEndian.AppendUint64(k.pair(kindFloor, id, floor), group)
}

func (k keys) consumer(id, group uint64, consumer uint32) []byte {
	return binary.BigEndian.AppendUint32(k.pair(kindConsumer, id, group), consumer)
}

func (k keys) pending(id, group, first uint64) []byte {
	return binary.BigEndian.AppendUint64(k.pair(kindPending, id, group), first)
}

func (k keys) skipped(id, group uint64) []byte { return k.pair(kindSkipped, id, group) }

// turn is the key of what a consumer, or with 0 anybody, is to get. What was handed
// out in older epochs comes first.
func (k keys) turn(id, group uint64, consumer uint32, epoch, first uint64) []byte {
	b := binary.BigEndian.AppendUint32(k.pair(kindTurn, id, group), consumer)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, epoch), first)
}

// lock is the key of a lock's name.
func (k keys) lock(n Name) []byte {
	b := append(k.of(kindLock, len(n.Namespace)+1+len(n.Name)), n.Namespace...)
	return append(append(b, 0), n.Name...)
}

// lastNumber is the number at the end of a key.
func lastNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// consumerNumber is that at the end of a consumer's key.
func consumerNumber(key []byte) uint32 { return binary.BigEndian.Uint32(key[len(key)-4:]) }
