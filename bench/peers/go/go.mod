module twined-peer

go 1.19
