package node

import (
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflection1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflection1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/eventnode/eventnode/access"
	v1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// everybody is the operation that nobody needs a right for.
const everybody access.Operation = ""

// method is what a method does.
type method struct {
	operation access.Operation
	// names are what its request is about; false if that is no request of this method. nil:
	// the operation has no names, or the service asks about them as they come up.
	names func(req any) ([]string, bool)
}

// of makes names of a request's type.
func of[Req any](names func(Req) []string) func(any) ([]string, bool) {
	return func(req any) ([]string, bool) {
		r, ok := req.(Req)
		if !ok {
			return nil, false
		}
		return names(r), true
	}
}

// everything is the name that stands for all there are.
func everything(any) ([]string, bool) { return []string{""}, true }

// The requests that are about one thing.
type (
	aboutStream interface{ GetStream() *v1.StreamName }
	aboutLock   interface{ GetLock() *v1.LockName }
	aboutGroup  interface {
		GetScope() string
		GetGroup() string
	}
	aboutTopics interface{ GetTopics() []string }
	aboutSource interface{ GetSource() string }
)

// methods are all that a node serves to callers: a method that is not here is refused if
// there is an authorizer. A test compares them with what is served.
func methods() map[string]method {
	stream := of(func(r aboutStream) []string {
		return []string{qualified(r.GetStream().GetNamespace(), r.GetStream().GetName())}
	})
	lock := of(func(r aboutLock) []string {
		return []string{qualified(r.GetLock().GetNamespace(), r.GetLock().GetName())}
	})
	group := of(func(r aboutGroup) []string { return []string{access.Group(r.GetScope(), r.GetGroup())} })
	source := of(func(r aboutSource) []string { return []string{r.GetSource()} })
	chatTopics := of(func(r aboutTopics) []string { return orAll(r.GetTopics()) })
	return map[string]method{
		healthpb.Health_Check_FullMethodName:                                  {operation: everybody},
		healthpb.Health_List_FullMethodName:                                   {operation: everybody},
		healthpb.Health_Watch_FullMethodName:                                  {operation: everybody},
		reflection1.ServerReflection_ServerReflectionInfo_FullMethodName:      {operation: access.Inspect},
		reflection1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: {operation: access.Inspect},

		v1.DispatchService_Dispatch_FullMethodName:          {access.Dispatch, of(func(r *v1.DispatchRequest) []string { return r.GetEnvelope().GetTopics() })},
		v1.DispatchService_DispatchStream_FullMethodName:    {operation: access.Dispatch},
		v1.DispatchService_Subscribe_FullMethodName:         {operation: access.Subscribe},
		v1.DispatchService_ListSubscriptions_FullMethodName: {operation: access.Inspect},

		v1.GroupService_Hold_FullMethodName:      {operation: access.Groups},
		v1.GroupService_Members_FullMethodName:   {access.Groups, group},
		v1.GroupService_Groups_FullMethodName:    {access.Groups, of(func(r *v1.GroupsRequest) []string { return []string{access.Group(r.GetScope(), "")} })},
		v1.GroupService_Monitor_FullMethodName:   {access.Groups, group},
		v1.GroupService_Broadcast_FullMethodName: {access.Groups, group},
		v1.GroupService_SendOne_FullMethodName:   {access.Groups, group},

		v1.StreamService_DeclareStream_FullMethodName: {access.Streams, stream},
		v1.StreamService_UpdateStream_FullMethodName:  {access.Streams, stream},
		v1.StreamService_DeleteStream_FullMethodName:  {access.Streams, stream},
		v1.StreamService_ListStreams_FullMethodName:   {access.Read, of(listed)},
		v1.StreamService_StreamInfo_FullMethodName:    {access.Read, stream},
		v1.StreamService_DeclarePool_FullMethodName:   {operation: access.Admin},
		v1.StreamService_ListPools_FullMethodName:     {operation: access.Inspect},
		v1.StreamService_Publish_FullMethodName:       {operation: access.Publish},
		v1.StreamService_PublishStream_FullMethodName: {operation: access.Publish},
		v1.StreamService_Read_FullMethodName:          {access.Read, stream},

		v1.ConsumerService_Consume_FullMethodName:             {operation: access.Consume},
		v1.ConsumerService_AddConsumerGroup_FullMethodName:    {access.Streams, stream},
		v1.ConsumerService_UpdateConsumerGroup_FullMethodName: {access.Streams, stream},
		v1.ConsumerService_RemoveConsumerGroup_FullMethodName: {access.Streams, stream},
		v1.ConsumerService_ListConsumerGroups_FullMethodName:  {access.Read, stream},
		v1.ConsumerService_SeekConsumerGroup_FullMethodName:   {access.Streams, stream},
		v1.ConsumerService_ListPending_FullMethodName:         {access.Read, stream},
		v1.ConsumerService_ClaimPending_FullMethodName:        {access.Consume, stream},
		v1.ConsumerService_DeleteConsumer_FullMethodName:      {access.Consume, stream},
		v1.ConsumerService_ListDeadLetters_FullMethodName:     {access.Read, stream},
		v1.ConsumerService_ReplayDeadLetters_FullMethodName:   {access.Streams, stream},
		v1.ConsumerService_DropDeadLetters_FullMethodName:     {access.Streams, stream},

		v1.LockService_ObtainLock_FullMethodName:  {access.Locks, lock},
		v1.LockService_RefreshLock_FullMethodName: {access.Locks, lock},
		v1.LockService_ReleaseLock_FullMethodName: {access.Locks, lock},
		v1.LockService_LockInfo_FullMethodName:    {access.Locks, lock},

		v1.ChatService_Dispatch_FullMethodName:     {access.Chat, chatTopics},
		v1.ChatService_Subscribe_FullMethodName:    {access.Chat, of(subscribed)},
		v1.ChatService_Unsubscribe_FullMethodName:  {access.Chat, of(unsubscribed)},
		v1.ChatService_Remove_FullMethodName:       {access.Chat, chatTopics},
		v1.ChatService_Change_FullMethodName:       {access.Chat, everything},
		v1.ChatService_Export_FullMethodName:       {access.Chat, everything},
		v1.ChatService_ListSessions_FullMethodName: {access.Chat, everything},
		v1.ChatService_CloseSession_FullMethodName: {access.Chat, everything},

		v1.SourceService_ListSources_FullMethodName: {access.Sources, everything},
		v1.SourceService_ListShards_FullMethodName:  {access.Sources, source},
		v1.SourceService_StartShard_FullMethodName:  {operation: access.Admin},
		v1.SourceService_StopShard_FullMethodName:   {operation: access.Admin},
		v1.SourceService_MoveShard_FullMethodName:   {operation: access.Admin},
		v1.SourceService_LookUp_FullMethodName:      {access.Sources, source},
		v1.SourceService_ListCache_FullMethodName:   {access.Sources, source},

		v1.StorageService_StorageStatus_FullMethodName: {operation: access.Inspect},
		v1.StorageService_Scrub_FullMethodName:         {operation: access.Admin},
		v1.StorageService_Backup_FullMethodName:        {operation: access.Admin},

		v1.ClusterService_Nodes_FullMethodName:        {operation: access.Inspect},
		v1.ClusterService_Status_FullMethodName:       {operation: access.Inspect},
		v1.ClusterService_LeaveCluster_FullMethodName: {operation: access.Admin},
		v1.ClusterService_RemoveNode_FullMethodName:   {operation: access.Admin},
	}
}

// qualified is how a stream or a lock is written.
func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// listed is what a list of streams is about: all of a namespace, or all there are.
func listed(r *v1.ListStreamsRequest) []string {
	if r.GetNamespace() == "" || r.GetAllNamespaces() {
		return []string{""}
	}
	return []string{qualified(r.GetNamespace(), "")}
}

// subscribed are the topics that sessions are subscribed to.
func subscribed(r *v1.ChatServiceSubscribeRequest) []string {
	topics := make([]string, 0, len(r.GetSubscriptions()))
	for _, s := range r.GetSubscriptions() {
		topics = append(topics, s.GetTopic())
	}
	return orAll(topics)
}

// unsubscribed are those that they leave; a request without topics is about all.
func unsubscribed(r *v1.ChatServiceUnsubscribeRequest) []string { return orAll(r.GetTopics()) }

// orAll is a list, or the name that stands for all.
func orAll(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}
