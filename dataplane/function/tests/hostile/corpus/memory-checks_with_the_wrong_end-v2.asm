# hook call
f0:
    mov %r7, %r1
    mov %r1, 7
    stxdw [%r10-8], %r1
    mov %r1, %r10
    add %r1, -8
    mov %r6, 0
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r2, [%r7+8]
    ldxdw %r1, [%r10-24]
    mov %r3, %r1
    add %r3, 8
    jgt %r3, %r2, i17
    ldxdw %r6, [%r1]
i17:
    mov %r0, %r6
    exit
