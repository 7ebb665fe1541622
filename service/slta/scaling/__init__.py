"""Scale advice of a dispatcher's fleets: read from the store, computed in a thread, and cached for seconds."""
