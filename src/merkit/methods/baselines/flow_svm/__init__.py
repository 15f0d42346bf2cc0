"""Linear SVM on the onset-apex flow map; see README.md for its claim sheet."""
