package eventnode

// Pool is a placement that has a name: how many copies of a stream there are to be,
// and on which nodes. Pools are the whole cluster's; a stream is in one of them for
// good.
//
// In this version all streams are in one partition, which DefaultPool places. Other
// pools say nothing, or the same as that one: what asks for another placement is
// refused with ErrInvalidArgument.
type Pool struct {
	// Name is unique in the cluster.
	Name string
	// Replicas is how many copies vote, 1 to 5. 0 is as many as the nodes were told
	// (--replicas).
	Replicas int
	// Labels are what each node with a copy must have (--label). None: any will do.
	Labels map[string]string
}
