"""Linear SVM on a hand-made descriptor of the clip; see README.md for its claim sheet."""
