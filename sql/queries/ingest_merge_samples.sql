-- What was staged becomes samples; what they have told already stays as it is.
SELECT merge_samples() AS new
