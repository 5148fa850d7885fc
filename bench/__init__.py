"""The benchmarks: how fast is Pli beside others, on this machine, in this hour?"""
