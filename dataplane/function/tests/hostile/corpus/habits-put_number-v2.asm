# hook call
f0:
    mov %r7, %r1
    mov %r6, 0
    ldxdw %r2, [%r7+8]
    ldxdw %r1, [%r7]
    mov %r3, %r1
    add %r3, 8
    jgt %r3, %r2, i26
    ldxdw %r2, [%r1]
    add %r2, 1
    stxdw [%r10-8], %r2
    mov %r3, %r10
    add %r3, -8
    mov %r2, 8
    mov %r4, 8
    call 4
    ldxdw %r1, [%r7]
    mov %r6, 0
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-24]
    jeq %r1, 0, i26
    ldxdw %r6, [%r10-16]
    sub %r6, %r1
i26:
    mov %r0, %r6
    exit
