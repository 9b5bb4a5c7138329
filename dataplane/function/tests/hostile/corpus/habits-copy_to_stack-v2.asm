# hook call
f0:
    mov %r0, 0
    stxdw [%r10-8], %r0
    stxdw [%r10-16], %r0
    stxdw [%r10-24], %r0
    stxdw [%r10-32], %r0
    ldxdw %r2, [%r1]
    ldxdw %r3, [%r1+8]
    sub %r3, %r2
    jgt %r3, 32, i15
    mov %r1, %r10
    add %r1, -32
    call 113
    ldxb %r1, [%r10-32]
    ldxb %r0, [%r10-1]
    add %r0, %r1
i15:
    exit
