"""The review page: the stored plan in four linked views, what-if, and a decision on record. For one reviewer, local."""
