# hook aggregate
f0:
    ldxdw %r0, [%r1+32]
    ldxdw %r2, [%r1+56]
    ldxdw %r1, [%r1+64]
    sub %r1, %r2
    jlt %r1, 4, i11
    rsh %r1, 2
    mov %r3, 0
    ja i14
i8:
    add %r2, 4
    add %r3, 1
    jlt %r3, %r1, i14
i11:
    lsh %r0, 32
    rsh %r0, 32
    exit
i14:
    ldxw %r4, [%r2]
    mov %r5, %r0
    lsh %r5, 32
    rsh %r5, 32
    jge %r4, %r5, i8
    stxw [%r2], %r0
    mov %r0, %r4
    ja i8
