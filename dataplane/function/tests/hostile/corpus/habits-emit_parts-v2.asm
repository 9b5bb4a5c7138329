# hook call
f0:
    mov %r2, %r1
    ldxdw %r1, [%r2]
    ldxdw %r6, [%r2+8]
    sub %r6, %r1
    jlt %r6, 16, i6
    mov %r6, 16
i6:
    mov %r2, %r6
    call 8
    mov %r1, %r6
    xor %r1, -1
    stxdw [%r10-8], %r1
    stxdw [%r10-16], %r6
    mov %r1, %r10
    add %r1, -16
    mov %r2, 16
    call 8
    mov %r0, %r6
    exit
