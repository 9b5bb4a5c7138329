# hook call
f0:
    mov %r1, 1
    stxw [%r10-4], %r1
    mov %r6, 0
i3:
    mov %r1, %r10
    add %r1, -4
    mov %r4, %r10
    add %r4, -24
    mov %r2, 4
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-24]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-16]
    mov %r0, %r6
    jgt %r2, %r3, i24
    ldxw %r1, [%r1]
    stxw [%r10-4], %r1
    mov %r0, 20
    add %r6, 1
    mov %r1, %r6
    lsh %r1, 32
    rsh %r1, 32
    jne %r1, 20, i3
i24:
    lsh %r0, 32
    rsh %r0, 32
    exit
