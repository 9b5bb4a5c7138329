# hook call
f0:
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
    ldxdw %r1, [%r10-24]
    add %r1, 2
    ldxdw %r2, [%r10-16]
    jgt %r1, %r2, i20
    mov %r6, 0
i15:
    ldxh %r3, [%r1-2]
    add %r6, %r3
    add %r1, 2
    jgt %r1, %r2, i20
    ja i15
i20:
    mov %r0, %r6
    exit
