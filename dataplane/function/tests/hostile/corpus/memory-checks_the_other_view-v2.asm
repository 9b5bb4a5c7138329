# hook call
f0:
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    stxdw [%r10-16], %r1
    mov %r1, 8
    stxdw [%r10-8], %r1
    mov %r1, %r10
    add %r1, -16
    mov %r6, 0
    mov %r4, %r10
    add %r4, -48
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -32
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-48]
    add %r1, 8
    ldxdw %r2, [%r10-40]
    jgt %r1, %r2, i27
    ldxdw %r1, [%r10-32]
    ldxdw %r6, [%r1]
i27:
    mov %r0, %r6
    exit
