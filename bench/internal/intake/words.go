package intake

// What is said to processes, and what they answer.
type (
	// serverConfig is the process that plays a recording.
	serverConfig struct {
		Recording recording `json:"recording"`
	}
	// serverReady is its first answer.
	serverReady struct {
		URL string `json:"url"`
	}
	// takerConfig is a process that takes a recording in.
	takerConfig struct {
		Recording recording `json:"recording"`
		// URL is where it is played; empty: nobody does, and it is read from memory.
		URL   string `json:"url,omitempty"`
		Taker string `json:"taker"`
		// CPU and Allocs are files for profiles; empty: none.
		CPU    string `json:"cpu,omitempty"`
		Allocs string `json:"allocs,omitempty"`
	}
	// taken is its answer.
	taken struct {
		Values map[string]float64 `json:"values"`
	}
)
